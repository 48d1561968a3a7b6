import { copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServeActivities } from '../../contracts/activities.js';
import { borrowerName } from '../../contracts/deployment.js';
import { ifPresent } from '../../platform/durable-files.js';
import type { ActivityDependencies } from '../dependencies.js';
import { freeGpus, warnOfQuarantine } from '../lease-gpus.js';
import { LOAN_KEPT_MS } from './await-borrowers.js';
import { TRITON_GRACE_MS } from './launch-triton.js';
import { revisionPlaces } from './revision-places.js';

/** That of a candidate that nobody was sent to: a cancelled pipeline is to have freed everything within 15 s. */
const CANDIDATE_GRACE_MS = 5_000;

/** Ends a revision's processes, keeps its log and frees its GPUs, or lends them, or keeps them. */
export const createStopRevision =
  ({ jobs, leases, places }: ActivityDependencies): ServeActivities['stopRevision'] =>
  async ({ name, number, neverServed = false, lentTo, keepsGpus = false }) => {
    const { directory, jobId, logFile, repository } = revisionPlaces(places, name, number);
    try {
      await jobs.stop(jobId, { graceMs: neverServed ? CANDIDATE_GRACE_MS : TRITON_GRACE_MS });
    } catch (failure) {
      // What survives SIGKILL hangs in a driver: its GPUs are nobody's until it is gone.
      await freeGpus(leases, jobId);
      throw failure;
    }
    const job = await jobs.inspect(jobId);
    // Neither is there when the start was cut off early enough.
    if (job.state !== 'absent') await ifPresent(() => copyFile(job.logPath, logFile));
    if (lentTo !== undefined) {
      const to = lentTo.map(borrowerName);
      warnOfQuarantine(await leases.lend({ holder: jobId, to, keptMs: LOAN_KEPT_MS }));
    } else if (keepsGpus) await leases.keep(jobId);
    else await freeGpus(leases, jobId);
    await jobs.forget(jobId);
    await rm(repository, { recursive: true, force: true });
    // mpirun takes its session along, unless it was killed.
    for (const name of (await ifPresent(() => readdir(directory))) ?? [])
      if (/^(?:ompi|prte)\./.test(name)) await rm(join(directory, name), { recursive: true, force: true });
  };
