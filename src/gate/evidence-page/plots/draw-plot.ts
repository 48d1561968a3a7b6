import { LineChart, type LineSeriesOption, ScatterChart, type ScatterSeriesOption } from 'echarts/charts';
import {
  GridComponent,
  type GridComponentOption,
  MarkAreaComponent,
  type MarkAreaComponentOption,
  MarkLineComponent,
  type MarkLineComponentOption,
} from 'echarts/components';
import { type ComposeOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { palette } from './palette.js';

use([LineChart, ScatterChart, GridComponent, MarkAreaComponent, MarkLineComponent, SVGRenderer]);

type PlotOption = ComposeOption<
  LineSeriesOption | ScatterSeriesOption | GridComponentOption | MarkAreaComponentOption | MarkLineComponentOption
>;

export interface Plot {
  /** Its own on the page: what the drawing refers to by id begins with it. */
  name: string;
  /** What a reader who cannot see it is told. Plain words and numbers: generated text has no place in a plot. */
  description: string;
  /** Pixels; the page scales it, so that 12 px of text stay readable from a phone's width on. */
  height: number;
  option: PlotOption;
}

const WIDTH = 460;

/**
 * Draws a plot as SVG to be put into HTML. The same plot gives the same text: ECharts numbers drawings and
 * style classes through the whole life of a process; the classes are for the mouse only and are left out.
 */
export function drawPlot({ name, description, height, option }: Plot): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily: 'inherit', color: palette.ink }, ...option });
    return chart
      .renderToSVGString({ useViewBox: true })
      .replace(/<style[\s\S]*?<\/style>/g, '')
      .replace(/ (?:class|ecmeta_\w+|pointer-events|xmlns:xlink|baseProfile)="[^"]*"/g, '')
      .replace(/zr\d+-/g, `${name}-`)
      .replace(/^<svg width="\d+" height="\d+"/, `<svg role="img" aria-label="${attribute(description)}"`)
      .replace(/\n+/g, '\n');
  } finally {
    chart.dispose();
  }
}

const attribute = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
