import { CancellationScope, CancelledFailure, log, patched } from '@temporalio/workflow';
import type { DeployedRevision } from '../contracts/deployment.js';
import type { ServingEndpoint } from '../contracts/pipeline.js';
import { activityFailureType, isWaitForGpu } from './revision-failures.js';
import type { Revision, RevisionOnHost } from './revision-on-host.js';

/** Since then a replacement hands its GPUs over before it ends anything; deployments that replay older turns did not. */
const GPUS_ARE_HANDED_OVER = '2026-11-replacement-hands-gpus-over';

interface StartCandidateOptions {
  candidate: Revision;
  /** What serves until now, if anything does. */
  previous: DeployedRevision | null;
  /** Whether that serves nothing and has lent its GPUs. */
  hasYielded: boolean;
  on: (revision: Revision) => RevisionOnHost;
  /** Ends the current revision, whose GPUs are the ones that are needed. */
  makeRoom: (displaced: DeployedRevision) => Promise<void>;
}

/** Starts a candidate beside what serves, or in its place where GPUs allow no other way. */
export async function startCandidate(options: StartCandidateOptions): Promise<ServingEndpoint> {
  const { candidate, previous, hasYielded, on, makeRoom } = options;
  // Ending a revision on another host, or on other GPUs, would free nothing that the candidate could use.
  const displaceable =
    previous?.description.host === candidate.description.host &&
    previous.description.gpuClass === candidate.description.gpuClass
      ? previous
      : null;
  if (hasYielded) {
    // They are kept for steps of pipelines, and the candidate is none.
    if (displaceable !== null) await on(candidate).takeGpusOf(displaceable.number, true);
    return on(candidate).start(true);
  }
  try {
    return await on(candidate).start(displaceable === null);
  } catch (failure) {
    if (displaceable === null || activityFailureType(failure) !== 'NoFreeGpu') throw failure;
    // Waits, while the old revision serves, until the GPUs of both suffice: ended first, it would be gone for that long.
    if (patched(GPUS_ARE_HANDED_OVER)) await on(candidate).takeGpusOf(displaceable.number, true);
    if (CancellationScope.current().consideredCancelled) {
      // Nothing was ended yet: the old revision serves on, and from GPUs that are its own.
      await CancellationScope.nonCancellable(() => handGpusBack(candidate, displaceable, on));
      throw new CancelledFailure('given up while GPUs were handed over');
    }
    await makeRoom(displaceable);
    return on(candidate).start(true);
  }
}

/** Starts a revision, however long whoever works on its GPUs takes to leave them. */
export async function startPatiently(revision: RevisionOnHost): Promise<ServingEndpoint> {
  for (;;) {
    try {
      return await revision.start(true);
    } catch (failure) {
      if (!isWaitForGpu(failure)) throw failure;
    }
  }
}

/** Gives a displaced revision the GPUs again that it left to a candidate which failed. */
export async function handGpusBack(candidate: Revision, displaced: Revision, on: StartCandidateOptions['on']) {
  if (!patched(GPUS_ARE_HANDED_OVER)) return;
  await quietly('GPUs could not be handed back', displaced, () => on(displaced).takeGpusOf(candidate.number, false));
}

/** What goes wrong here is logged: a host that is gone for good must not stand in the way of the deployment. */
export async function quietly(complaint: string, { number }: Revision, ask: () => Promise<void>): Promise<void> {
  try {
    await ask();
  } catch (failure) {
    log.warn(complaint, { number, failure: `${failure}` });
  }
}
