import type { GateDecision } from '../contracts/gate.js';

const width = 60;

/**
 * The interval of the difference against the margin, as text of two lines: `├──●──┤` for the bounds and the mean, `╎` for
 * the margin, `0` for no difference.
 */
export function intervalBar({ lowerBound, upperBound, meanDifference, marginPoints }: GateDecision): string {
  const lowest = Math.min(lowerBound, -marginPoints);
  const highest = Math.max(upperBound, 0);
  const column = (value: number) => Math.round(((value - lowest) / (highest - lowest)) * width);
  const [from, to] = [column(lowerBound), column(upperBound)];

  const bar: string[] = Array.from({ length: width + 1 }, (_, index) => (index > from && index < to ? '─' : ' '));
  bar[column(-marginPoints)] = '╎';
  bar[from] = '├';
  bar[to] = '┤';
  bar[column(meanDifference)] = '●';

  const scale: string[] = Array.from({ length: width + 1 }, () => ' ');
  scale[column(-marginPoints)] = '╎';
  scale[column(0)] = '0';
  return [bar, scale].map((line) => line.join('').trimEnd()).join('\n');
}
