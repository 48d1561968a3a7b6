import { readdir } from 'node:fs/promises';
import { ifPresent } from '../../platform/durable-files.js';
import { createJobRunner } from '../../platform/process/job-runner.js';

/** A Triton gets this long to finish the requests that it has taken. */
const GRACE_MS = 10_000;

/**
 * Ends every tool and every served Triton of this host: they outlive workers on purpose, and would outlive the environment.
 * @returns the ids of the jobs that ran
 */
export async function endJobs(jobsDirectory: string): Promise<string[]> {
  const jobs = createJobRunner({ jobsDirectory });
  const ids = (await ifPresent(() => readdir(jobsDirectory))) ?? [];
  const ended = await Promise.all(
    ids.map(async (id) => {
      const { state } = await jobs.inspect(id);
      if (state === 'exited') return [];
      // Also one that nobody supervises yet: its supervisor may be on its way.
      await jobs.stop(id, { graceMs: GRACE_MS });
      return state === 'absent' ? [] : [id];
    }),
  );
  return ended.flat();
}
