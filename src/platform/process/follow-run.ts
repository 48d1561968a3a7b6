import { setTimeout as sleep } from 'node:timers/promises';
import { runFiles } from './job-files.js';
import { followLog } from './job-log.js';
import type { ExitRecord } from './job-records.js';
import type { Run } from './job-runs.js';
import { outOfMemoryKillsSince } from './run-cgroup.js';
import type { RunOwnership } from './run-ownership.js';
import { readRunState } from './run-state.js';

export interface FollowOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for each complete line (cut at 4 KiB) and for the newest state of a progress line. It must not throw.
   * @param resumeOffset as `logOffset` of a later call, delivers what follows
   */
  readonly onOutput?: ((line: string, resumeOffset: number) => void) | undefined;
  /** Where in the log `onOutput` starts, in bytes. @default 0 */
  readonly logOffset?: number | undefined;
}

/** A tool that ends at once is noticed at once; one that runs for hours costs a few small reads every quarter second. */
const pollIntervalMs = { first: 20, longest: 250, growth: 1.3 } as const;

/**
 * Waits, as its owner, for a run to end, and keeps its heartbeat meanwhile. Ends nothing itself.
 * @throws the signal's reason; EnginesmithFailure ClaimHeld when another attempt has taken the run over
 */
export async function followRun(
  run: Run,
  ownership: RunOwnership,
  { signal, onOutput, logOffset = 0 }: FollowOptions,
): Promise<ExitRecord> {
  const follower = onOutput && followLog(runFiles(run.directory).log, logOffset, onOutput);
  let intervalMs: number = pollIntervalMs.first;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const exit = await exitOf(run);
      // The tool's own outcome is anybody's to read; an end from outside may be the work of whoever took over.
      if (exit?.endedBy !== 'tool') await ownership.beat();
      if (exit !== undefined) {
        await follower?.finish();
        return exit;
      }
      await follower?.poll();
      await sleep(intervalMs, undefined, { signal }).catch(() => {});
      intervalMs = Math.min(pollIntervalMs.longest, intervalMs * pollIntervalMs.growth);
    }
  } finally {
    await follower?.close();
  }
}

/** The exit record, or what it would say had the supervisor lived, or ever been. @returns undefined while it runs */
async function exitOf(run: Run): Promise<ExitRecord | undefined> {
  const current = await readRunState(run.directory);
  if (current.state === 'running' || current.state === 'unclaimed') return undefined;
  if (current.state === 'exited') return current.exit;
  const endedAt = new Date().toISOString();
  const started = current.state === 'lost' ? current.started : undefined;
  const { startedAt = endedAt, memory } = started ?? {};
  const outOfMemoryKills = outOfMemoryKillsSince(memory);
  const unseen = { runId: run.job.runId, exitCode: null, signal: null, startedAt, endedAt, outOfMemoryKills };
  return { ...unseen, endedBy: current.state === 'lost' ? 'lost' : 'request' };
}
