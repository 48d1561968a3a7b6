import type { ScatterSeriesOption } from 'echarts/charts';
import type { GateEvidence } from '../../../contracts/gate.js';
import { palette } from './palette.js';

type Article = GateEvidence['articles'][number];

/** More dots hide each other, and make the page heavy. */
const MOST_DOTS = 600;

/** Of many articles, evenly chosen ones, the first and the last among them. */
export function chosen<Item>(items: readonly Item[]): readonly Item[] {
  if (items.length <= MOST_DOTS) return items;
  const places = Array.from({ length: MOST_DOTS }, (_, index) =>
    Math.round((index * (items.length - 1)) / (MOST_DOTS - 1)),
  );
  const wanted = new Set(places);
  return items.filter((_, index) => wanted.has(index));
}

/** Articles as dots; those whose candidate is no answer at all as diamonds of another colour. */
export function articleDots(
  articles: readonly Article[],
  place: (article: Article, index: number) => [x: number, y: number],
): ScatterSeriesOption[] {
  const dots = articles.map((article, index) => ({ article, at: place(article, index) }));
  const of = (degenerate: boolean) =>
    dots.filter(({ article }) => article.candidate.degenerations.length > 0 === degenerate).map(({ at }) => at);
  const common = { type: 'scatter', silent: true, clip: false } as const;
  return [
    { ...common, data: of(false), symbolSize: 8, itemStyle: { color: palette.accent, opacity: 0.85 }, z: 3 },
    {
      ...common,
      data: of(true),
      symbol: 'diamond',
      symbolSize: 13,
      itemStyle: { color: palette.bad, opacity: 1 },
      z: 4,
    },
  ];
}
