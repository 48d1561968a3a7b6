import type { Criterion, GateEvidence } from '../../../contracts/gate.js';
import type { RougeMetric } from '../../../contracts/spec.js';
import { articleDots, chosen } from './article-dots.js';
import { drawPlot } from './draw-plot.js';
import { palette } from './palette.js';
import { axis, line } from './parts.js';

/** Every article's score of the baseline against that of the candidate: on the diagonal nothing has changed. */
export function scorePlot(articles: GateEvidence['articles'], metric: RougeMetric, { limit }: Criterion): string {
  const scores = articles.flatMap(({ baseline, candidate }) => [baseline.scores[metric], candidate.scores[metric]]);
  const highest = scores.reduce((most, score) => Math.max(most, score), 10);
  const top = Math.min(100, 10 * Math.ceil((highest + 1) / 10));
  const better = articles.filter(({ difference }) => difference >= 0).length;
  return drawPlot({
    name: 'scores',
    description: `Scores of ${articles.length} articles: the candidate is as good as the baseline or better on ${better} of them.`,
    height: 330,
    option: {
      grid: { left: 50, right: 14, top: 14, bottom: 44 },
      xAxis: { ...axis(`baseline, ${metric}`, { min: 0, max: top }), nameGap: 26 },
      yAxis: { ...axis(`candidate, ${metric}`, { min: 0, max: top }), nameGap: 34 },
      series: [
        line(
          [
            [0, 0],
            [top, top],
          ],
          palette.muted,
          { width: 1 },
        ),
        line(
          [
            [Math.max(0, -limit), Math.max(0, limit)],
            [Math.min(top, top - limit), Math.min(top, top + limit)],
          ],
          palette.bad,
          { dashed: true },
        ),
        ...articleDots(chosen(articles), ({ baseline, candidate }) => [
          baseline.scores[metric],
          candidate.scores[metric],
        ]),
      ],
    },
  });
}
