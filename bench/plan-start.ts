/**
 * How long `enginesmith plan` takes from the start of its process, on every example, beside Node with nothing to do; in turns,
 * so that what else the machine does slows all alike. Prints median seconds, and the ratio to those of Node. Compile first:
 * npm run build. Run: npx tsx bench/plan-start.ts [rounds]
 */
import { readdir } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { execa } from 'execa';

const rounds = Number(process.argv[2] ?? 7);
const program = 'infra/bootstrap/enginesmith.mjs';
const examples = (await readdir('examples')).filter((name) => name.endsWith('.yaml'));

const commands = new Map([
  ['node -e 0', ['-e', '0']],
  ...examples.map((name): [string, string[]] => [`plan ${name}`, [program, 'plan', `examples/${name}`]]),
]);
const seconds = new Map([...commands.keys()].map((name) => [name, [] as number[]]));

for (let round = 0; round < rounds; round += 1) {
  for (const [name, args] of commands) {
    const startedAt = performance.now();
    await execa(process.execPath, args);
    seconds.get(name)?.push((performance.now() - startedAt) / 1000);
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;

const medians = new Map([...seconds].map(([name, values]) => [name, median(values)]));
const nothing = medians.get('node -e 0') ?? Number.NaN;
const width = Math.max(...[...medians.keys()].map((name) => name.length));
for (const [name, value] of medians) {
  process.stdout.write(`${name.padEnd(width)} ${value.toFixed(2)} s  ${(value / nothing).toFixed(1)} x\n`);
}
