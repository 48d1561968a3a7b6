import { randomUUID } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent } from '../durable-files.js';
import { readRecord, replaceRecord } from '../json-record.js';
import { runFiles } from './job-files.js';
import { ownerRecordSchema } from './job-records.js';
import type { Run } from './job-runs.js';
import { ownIdentity } from './process-identity.js';

export interface RunOwnership {
  /** Whether nobody has taken the run over since. */
  isHeld(): Promise<boolean>;
  /**
   * Shows the supervisor, about four times in each owner timeout, that somebody waits. Call it as often as is convenient.
   * @throws EnginesmithFailure ClaimHeld, benign, when somebody has taken the run over: stop waiting, end nothing
   */
  beat(): Promise<void>;
}

/** Becomes the one that waits for a run. Whoever was it before notices at its next heartbeat. */
export async function takeOwnership(run: Run): Promise<RunOwnership> {
  const path = runFiles(run.directory).owner;
  const token = randomUUID();
  const intervalMs = (run.job.ownerTimeoutMs ?? Number.POSITIVE_INFINITY) / 4;
  await replaceRecord(path, { token, process: ownIdentity() });
  let beatenMs = performance.now();

  const isHeld = async () => (await readRecord(path, ownerRecordSchema))?.token === token;

  return {
    isHeld,
    async beat() {
      if (!(await isHeld())) {
        throw new EnginesmithFailure(
          'ClaimHeld',
          `Another attempt has taken over ${run.job.argv[0]} and waits for it now; this one stops waiting.`,
          { benign: true, context: { runId: run.job.runId } },
        );
      }
      if (performance.now() - beatenMs < intervalMs) return;
      beatenMs = performance.now();
      const now = new Date();
      await ifPresent(() => utimes(path, now, now));
    },
  };
}
