import type { Criterion, GateEvidence } from '../../../contracts/gate.js';
import { signedPoints } from '../../verdict-sentence.js';
import { chosen } from './article-dots.js';
import { drawPlot } from './draw-plot.js';
import { palette } from './palette.js';
import { axis, bounds, guide, line, rangeOf } from './parts.js';

/** Fewer articles have no mean worth drawing: the first ones would stretch the axis. */
const FIRST_MEAN_ARTICLES = 4;

/** The mean after each article in the dataset's order, and at the end of it this look's interval; planned looks as lines. */
export function lookPlot({ articles, decision, policy }: GateEvidence, margin: Criterion): string {
  let sum = 0;
  const means = articles
    .map(({ difference }, index): [number, number] => {
      sum += difference;
      return [index + 1, sum / (index + 1)];
    })
    .slice(Math.min(FIRST_MEAN_ARTICLES, articles.length) - 1);
  const { lowerBound, upperBound, estimate, limit } = margin;
  const { min, max } = rangeOf([...means.map(([, mean]) => mean), lowerBound, upperBound, limit, 0]);
  const budget = policy.looks.at(-1) ?? decision.articles;
  const looks = policy.looks.slice(-5);
  return drawPlot({
    name: 'looks',
    description:
      `Look ${decision.look} of ${policy.looks.length}, after ${decision.articles} of at most ${budget} articles: the mean ` +
      `difference lies between ${signedPoints(lowerBound)} and ${signedPoints(upperBound)} points; the margin is ${signedPoints(limit)}.`,
    height: 260,
    option: {
      grid: { left: 50, right: 60, top: 30, bottom: 44 },
      xAxis: { ...axis('articles', { min: 0, max: Math.ceil(budget * 1.04) }), nameGap: 26 },
      yAxis: { ...axis('mean difference, points', { min, max }), nameGap: 34 },
      series: [
        {
          ...line([...chosen(means)], palette.accent, { width: 2 }),
          markLine: {
            silent: true,
            symbol: 'none',
            data: [
              guide({ yAxis: 0 }, { text: Math.abs(limit) > 0.08 * (max - min) ? 'equal' : '', color: palette.muted }),
              guide({ yAxis: limit }, { text: 'margin', color: palette.bad, dashed: true }),
              ...looks.map((count, index) =>
                guide(
                  { xAxis: count },
                  { text: `look ${policy.looks.length - looks.length + index + 1}`, color: palette.line },
                ),
              ),
            ].map((mark) =>
              'xAxis' in mark ? { ...mark, label: { ...mark.label, color: palette.muted, rotate: 0 } } : mark,
            ),
          },
        },
        bounds(
          [
            [decision.articles, lowerBound],
            [decision.articles, upperBound],
          ],
          palette.ink,
          'y',
        ),
        {
          type: 'scatter',
          silent: true,
          clip: false,
          data: [[decision.articles, estimate]],
          symbolSize: 10,
          itemStyle: { color: palette.ink, opacity: 1 },
          z: 6,
        },
      ],
    },
  });
}
