import type { StepProgress } from '../../contracts/step-progress.js';
import type { ToolProgress } from './tool-progress.js';

/** What comes within it of the first count was done before anybody looked: a log is read at once that took hours to write. */
const SETTLING_MS = 1_000;

/** Until then a rate is a guess from one or two counts. */
const RATE_AFTER_MS = 2_000;

/**
 * Adds to counts how fast they grow and how long the rest takes, from the counts alone: tools print no rates, or rates of
 * their own kinds.
 */
export function createPace(): (progress: ToolProgress, nowMs: number) => StepProgress {
  let phase: string | undefined;
  let first = { done: 0, seenMs: 0, atMs: 0 };
  return (progress, nowMs) => {
    const { done, total } = progress;
    if (progress.phase !== phase || done < first.done) first = { done, seenMs: nowMs, atMs: nowMs };
    else if (nowMs - first.seenMs < SETTLING_MS) first = { ...first, done, atMs: nowMs };
    phase = progress.phase;
    const elapsedMs = nowMs - first.atMs;
    const grown = done - first.done;
    if (grown <= 0 || elapsedMs < RATE_AFTER_MS) return { ...progress, ratePerSecond: null, etaSeconds: null };
    const ratePerSecond = (grown / elapsedMs) * 1000;
    const etaSeconds = total === null ? null : Math.max(0, total - done) / ratePerSecond;
    return { ...progress, ratePerSecond, etaSeconds };
  };
}
