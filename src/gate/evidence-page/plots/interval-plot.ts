import type { Criterion } from '../../../contracts/gate.js';
import { criterionWords } from '../criteria.js';
import { drawPlot } from './draw-plot.js';
import { palette } from './palette.js';
import { axis, bounds, guide, rangeOf } from './parts.js';

/** The decision in one picture: the criterion that it rests on, between its bounds, and on which side of the limit they lie. */
export function intervalPlot({ name, good, estimate, lowerBound, upperBound, limit }: Criterion): string {
  const { title, unit, write, needs = good } = criterionWords[name];
  const isMargin = name === 'margin';
  const { min, max } = rangeOf([lowerBound, upperBound, limit, ...(isMargin ? [0] : [])]);
  const limitText = `${isMargin ? 'margin' : 'limit'} ${write(limit)}`;
  const [below, above] = good === 'above' ? [palette.badArea, palette.goodArea] : [palette.goodArea, palette.badArea];
  return drawPlot({
    name: 'interval',
    description:
      `${title}: ${write(estimate)}, between ${write(lowerBound)} and ${write(upperBound)}; ` +
      `the ${limitText}; it has to be ${needs} that.`,
    height: 170,
    option: {
      grid: { left: 12, right: 12, top: 26, bottom: 44 },
      xAxis: {
        ...axis(isMargin ? unit : `${title}, ${unit}`, { min, max }),
        nameGap: 26,
        ...(isMargin ? {} : { axisLabel: { show: false }, nameGap: 14 }),
      },
      yAxis: { type: 'value', show: false, min: -1, max: 1 },
      series: [
        {
          ...bounds(
            [
              [lowerBound, 0],
              [upperBound, 0],
            ],
            palette.ink,
            'x',
          ),
          markArea: {
            silent: true,
            data: [
              [{ xAxis: min, itemStyle: { color: below } }, { xAxis: limit }],
              [{ xAxis: limit, itemStyle: { color: above } }, { xAxis: max }],
            ],
          },
          markLine: {
            silent: true,
            symbol: 'none',
            data: [
              guide({ xAxis: limit }, { text: limitText, color: palette.bad, dashed: true }),
              ...(isMargin
                ? [
                    guide(
                      { xAxis: 0 },
                      { text: Math.abs(limit) / (max - min) > 0.25 ? 'equal' : '', color: palette.muted },
                    ),
                  ]
                : []),
            ],
          },
        },
        {
          type: 'scatter',
          silent: true,
          clip: false,
          data: [[estimate, 0]],
          symbolSize: 13,
          itemStyle: { color: palette.ink, opacity: 1 },
          label: {
            show: true,
            formatter: write(estimate),
            position: 'top',
            color: palette.ink,
            fontSize: 15,
            fontWeight: 'bold',
            textBorderColor: palette.card,
            textBorderWidth: 5,
          },
          z: 6,
        },
      ],
    },
  });
}
