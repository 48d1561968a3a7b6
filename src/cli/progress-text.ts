import type { StepProgress } from '../contracts/step-progress.js';

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes as disks count them; anything else as whole numbers. */
function amount(value: number, unit: string): string {
  if (unit !== 'bytes') return `${Math.round(value)}`;
  const power = value < 1 ? 0 : Math.min(SIZES.length - 1, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${SIZES[power]}`;
}

function remaining(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s left`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}

/** How far a step is, in half a line: `calibrating, 120 of 512 batches, 2.1/s, 3 min left`. */
export function progressText({ phase, done, total, unit, ratePerSecond, etaSeconds }: StepProgress): string {
  const counted = unit === 'bytes' ? '' : ` ${unit}`;
  const of = total === null ? '' : ` of ${amount(total, unit)}`;
  const rate = unit === 'bytes' ? amount(ratePerSecond ?? 0, unit) : (ratePerSecond ?? 0).toPrecision(2);
  return [
    phase,
    ...(unit === '' ? [] : [`${amount(done, unit)}${of}${counted}`]),
    ...(ratePerSecond === null ? [] : [`${rate}/s`]),
    ...(etaSeconds === null ? [] : [remaining(etaSeconds)]),
  ].join(', ');
}
