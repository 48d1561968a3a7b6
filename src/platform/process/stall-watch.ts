import { movedSignals, type ProgressSignals } from './progress-signals.js';

/** How long a tool may show nothing. */
export interface StallLimits {
  /** Without any signal: no output, no file, no CPU, no transfer, no GPU. */
  readonly idleMs: number;
  /** Without output and without a file that changes, however busy: a rank that spins waits for ever at full load. */
  readonly silentMs: number;
}

export interface Stall {
  readonly kind: 'idle' | 'silent';
  readonly lastedMs: number;
}

const interval = { shortestMs: 50, longestMs: 15_000, looksAnIdleTime: 10 } as const;

/**
 * Looks at a tool again and again until it has stalled.
 * @param read one look; one that fails counts as none
 * @returns what ends the watching
 */
export function watchForStall(options: {
  limits: StallLimits;
  read: () => Promise<ProgressSignals>;
  onStall: (stall: Stall) => void;
}): () => void {
  const { limits, read, onStall } = options;
  const shortest = Math.min(limits.idleMs, limits.silentMs) / interval.looksAnIdleTime;
  const intervalMs = Math.min(interval.longestMs, Math.max(interval.shortestMs, shortest));
  let last: { signals: ProgressSignals; atMs: number } | undefined;
  let aliveMs = performance.now();
  let gotOnMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const look = async (): Promise<void> => {
    const signals = await read().catch(() => undefined);
    const nowMs = performance.now();
    if (ended) return;
    // A host that was suspended, or a worker that was stopped, has seen nothing: that is no silence of the tool's.
    const missedMs = last === undefined ? 0 : Math.max(0, nowMs - last.atMs - 2 * intervalMs);
    if (signals !== undefined && missedMs > limits.idleMs / 2) {
      aliveMs += missedMs;
      gotOnMs += missedMs;
    }
    if (signals !== undefined && last !== undefined) {
      const moved = movedSignals(last.signals, signals, nowMs - last.atMs);
      if (moved.size > 0) aliveMs = nowMs;
      if (moved.has('output') || moved.has('files')) gotOnMs = nowMs;
    }
    if (signals !== undefined) last = { signals, atMs: nowMs };
    if (nowMs - aliveMs > limits.idleMs) return onStall({ kind: 'idle', lastedMs: nowMs - aliveMs });
    if (nowMs - gotOnMs > limits.silentMs) return onStall({ kind: 'silent', lastedMs: nowMs - gotOnMs });
    timer = setTimeout(look, intervalMs);
  };
  timer = setTimeout(look, 0);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
