import type { Criterion, GateEvidence } from '../../../contracts/gate.js';
import { signedPoints } from '../../verdict-sentence.js';
import { articleDots, chosen } from './article-dots.js';
import { drawPlot } from './draw-plot.js';
import { palette } from './palette.js';
import { axis, guide, rangeOf } from './parts.js';

/** Every article's difference, sorted, against no difference and the margin; a band shows the interval of their mean. */
export function differencePlot(articles: GateEvidence['articles'], margin: Criterion): string {
  const sorted = chosen(articles.toSorted((left, right) => left.difference - right.difference));
  const lost = articles.filter(({ difference }) => difference < margin.limit).length;
  const { min, max } = rangeOf([...sorted.map(({ difference }) => difference), margin.limit, 0]);
  const [regular, degenerate] = articleDots(sorted, ({ difference }, index) => [index + 1, difference]);
  return drawPlot({
    name: 'differences',
    description: `Differences of ${articles.length} articles, sorted: ${lost} of them lost more than the margin of ${signedPoints(margin.limit)} points.`,
    height: 330,
    option: {
      grid: { left: 50, right: 68, top: 14, bottom: 44 },
      xAxis: {
        ...axis('articles, sorted', { min: 0, max: sorted.length + 1 }),
        axisLabel: { show: false },
        nameGap: 14,
      },
      yAxis: { ...axis('candidate − baseline, points', { min, max }), nameGap: 34 },
      series: [
        {
          ...regular,
          type: 'scatter',
          markArea: {
            silent: true,
            itemStyle: { color: palette.meanArea },
            data: [[{ yAxis: margin.lowerBound }, { yAxis: margin.upperBound }]],
          },
          markLine: {
            silent: true,
            symbol: 'none',
            data: [
              guide({ yAxis: 0 }, { text: '', color: palette.muted }),
              guide({ yAxis: margin.estimate }, { text: `mean ${signedPoints(margin.estimate)}`, color: palette.ink }),
              guide(
                { yAxis: margin.limit },
                { text: `margin ${signedPoints(margin.limit)}`, color: palette.bad, dashed: true },
                // Beside the mean where there is room, else where the worst articles are: far below.
                Math.abs(margin.estimate - margin.limit) > 0.06 * (max - min) ? 'end' : 'insideStartTop',
              ),
            ],
          },
        },
        { ...degenerate, type: 'scatter' },
      ],
    },
  });
}
