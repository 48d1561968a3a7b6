import type { GatePolicy, GateVerdict } from '../src/contracts/gate.js';
import { spendAlpha } from '../src/gate/alpha-spending.js';
import {
  bell,
  fewLoseMuch,
  heavyTails,
  marginPoints,
  type Shape,
  simulateGates,
  unchanged,
} from '../test/support/simulated-gates.js';

/*
 * The tables of docs/gate.md, as Markdown: the level of each look, the error rates, and how likely each verdict is. Seeded:
 * prints the same everywhere.
 *
 *   npx tsx bench/gate-power.ts
 */
const alpha = 0.05;
const policy: GatePolicy = {
  metric: 'rougeLsum',
  margin: { kind: 'share', value: 0.1 },
  limits: { perplexityIncrease: null, klDivergence: null, top1Agreement: null },
  alpha,
  looks: [16, 32, 64],
};

const percent = (share: number, digits = 0) => `${(100 * share).toFixed(digits)} %`;

function table(header: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, column) => (column === 0 ? '---' : '--:'));
  return [header, rule, ...rows].map(line).join('\n');
}

function levels(): string {
  const looks = [16, 32, 64, 128];
  const rows = looks.map((budget, last) => {
    const spent = spendAlpha({ alpha, looks: looks.slice(0, last + 1) });
    return [`${budget}`, ...looks.map((_, index) => (spent[index] ? percent(spent[index].nominalAlpha, 2) : ''))];
  });
  return table(['budget', ...looks.map((articles) => `at ${articles}`)], rows);
}

const shapes: [string, Shape][] = [
  ['a bell, standard deviation 3.6', bell(3.6)],
  ['a bell, standard deviation 8', bell(8)],
  ['heavy tails (t with 3 degrees of freedom)', heavyTails],
  ['a third of the texts unchanged', unchanged(1 / 3, 9)],
  ['half of the texts unchanged', unchanged(0.5, 8)],
  ['a fifth of the texts lose much', fewLoseMuch],
  [
    'one text in ten collapses, the others hardly change',
    (mean, random) => (random.uniform() < 0.1 ? bell(4)(10 * mean, random) : bell(3)(0, random)),
  ],
];

function errorRates(): string {
  const rows = shapes.map(([name, shape]) => {
    const rate = (difference: number, verdict: GateVerdict) =>
      percent(simulateGates({ policy, shape, difference, degenerate: 0.02 }, { gates: 2000, seed: 4 })[verdict], 1);
    return [name, rate(-marginPoints, 'PASS'), rate(0, 'FAIL')];
  });
  return table(['differences between texts', 'false PASS of a model worse by M', 'false FAIL of an equal model'], rows);
}

function power(): string {
  const differences: [string, number][] = [
    ['0', 0],
    ['−M/2', -0.5],
    ['−M', -1],
    ['−1.5 M', -1.5],
    ['−2 M', -2],
  ];
  const rows = [3.6, 8, 8.6].flatMap((standardDeviation) =>
    differences.map(([name, margins]) => {
      const model = { policy, shape: bell(standardDeviation), difference: margins * marginPoints };
      const { PASS, FAIL, INCONCLUSIVE, articles } = simulateGates(model, { gates: 1000, seed: 4 });
      const spread = `${standardDeviation.toFixed(1)} (${(standardDeviation / marginPoints).toFixed(1)} M)`;
      return [spread, name, percent(PASS), percent(FAIL), percent(INCONCLUSIVE), articles.toFixed(0)];
    }),
  );
  const header = ['standard deviation', 'true difference', 'PASS', 'FAIL', 'INCONCLUSIVE', 'articles seen'];
  return table(header, rows);
}

console.log(
  [
    '### One-sided level of each look, 5 % in all',
    levels(),
    '### Error rates, 2,000 simulated gates each',
    errorRates(),
    '### Power: 1,000 simulated gates each',
    power(),
  ].join('\n\n'),
);
