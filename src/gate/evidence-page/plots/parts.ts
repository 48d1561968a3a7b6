import type { LineSeriesOption } from 'echarts/charts';
import { palette } from './palette.js';

type Point = readonly [x: number, y: number];

const FONT_PIXELS = 12;

/** A number axis without ornaments. */
export const axis = (name: string, { min, max }: { min?: number; max?: number } = {}) => ({
  type: 'value' as const,
  name,
  nameLocation: 'middle' as const,
  nameTextStyle: { color: palette.muted, fontSize: FONT_PIXELS },
  axisLine: { show: true, lineStyle: { color: palette.line } },
  axisTick: { show: false },
  axisLabel: {
    color: palette.muted,
    fontSize: FONT_PIXELS,
    hideOverlap: true,
    // The ends of an axis are wherever the values end: no number to read.
    showMinLabel: min === undefined || min === 0,
    showMaxLabel: max === undefined,
    formatter: (value: number) => String(value).replace('-', '−'),
  },
  splitLine: { show: false },
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
});

/** A straight line through the whole plot, with a word at its end. */
export const guide = (
  place: { xAxis: number } | { yAxis: number },
  { text, color, dashed = false }: { text: string; color: string; dashed?: boolean },
  position: 'start' | 'end' | 'insideEndTop' | 'insideEndBottom' | 'insideStartTop' | 'insideStartBottom' = 'end',
) => ({
  ...place,
  lineStyle: { color, type: dashed ? ('dashed' as const) : ('solid' as const), width: dashed ? 1.5 : 1 },
  label: { show: text !== '', formatter: text, color, fontSize: FONT_PIXELS, position, textBorderWidth: 0 },
});

/** A line between points that no mouse reacts to. */
export const line = (points: Point[], color: string, style: { width?: number; dashed?: boolean } = {}) =>
  ({
    type: 'line',
    data: points.map(([x, y]) => [x, y]),
    silent: true,
    clip: false,
    symbol: 'none',
    lineStyle: { color, width: style.width ?? 1.5, type: style.dashed ? 'dashed' : 'solid' },
  }) satisfies LineSeriesOption;

/** Bounds as a bar with a cap at each end, along x or along y. */
export const bounds = (ends: [Point, Point], color: string, along: 'x' | 'y') =>
  ({
    ...line(ends, color, { width: 3 }),
    symbol: 'rect',
    showSymbol: true,
    symbolSize: along === 'x' ? [3, 16] : [16, 3],
    itemStyle: { color, borderWidth: 0, opacity: 1 },
    z: 5,
  }) satisfies LineSeriesOption;

/** Where an axis begins and ends that shows these values with room around them. */
export function rangeOf(values: readonly number[]): { min: number; max: number } {
  const lowest = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const highest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const room = 0.12 * (highest - lowest) || 1;
  return { min: lowest - room, max: highest + room };
}
