import { cancellationSignal, log } from '@temporalio/activity';
import { type ActionKeyParts, actionKey } from '../contracts/action-key.js';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import type { ActionKey, ArtifactReference, Digest } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import type { CommitResult } from '../platform/store/commit.js';
import { planRemedied } from '../toolchains/remedies.js';
import { completeInputs, stepKeyParts } from '../toolchains/step-key.js';
import type { StepPlan } from '../toolchains/step-plan.js';
import { activityOwner } from './attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { withRoom } from './make-room.js';
import { retryForOthersMs } from './retry-for-others.js';
import { rootOf, sourceOf } from './root-of.js';

/** How long a claim outlives a worker that dies with it. */
const CLAIM_TTL_MS = 60_000;

/**
 * The plan and key of a requested step.
 * @throws EnginesmithFailure `ToolchainMismatch` when this worker would make something else than was admitted
 */
export function resolveStep(
  { inputs, ...remedied }: StepRequest,
  { toolchain }: Pick<ActivityDependencies, 'toolchain'>,
): Pick<MakeContext, 'plan' | 'key' | 'components' | 'inputs' | 'remake'> {
  const { step } = remedied;
  const { admitted } = remedied;
  const plan = planRemedied(remedied);
  if (plan === undefined) throw new Error(`the pipeline has no step ${step}`);
  const complete = completeInputs(plan, inputs);
  if (complete === null)
    throw new Error(`step ${step} lacks an input: it needs ${Object.keys(plan.inputs).join(', ')}`);
  if (plan.usesToolchain && toolchain.identity !== admitted.toolchain.identity) {
    throw new EnginesmithFailure(
      'ToolchainMismatch',
      `This worker has ${toolchain.name} ${toolchain.release} (${toolchain.identity.slice(0, 12)}); the pipeline was admitted ` +
        `with ${admitted.toolchain.name} ${admitted.toolchain.release} (${admitted.toolchain.identity.slice(0, 12)}). ` +
        'Start a worker with that toolchain, or start the pipeline again.',
    );
  }
  const components = stepKeyParts(plan, complete, admitted);
  const remake = admitted.remake?.steps.includes(step) ? admitted.remake.id : undefined;
  return { plan, key: actionKey(components), components, inputs: complete, remake };
}

/** What a step that makes its artifact is given. */
export interface MakeContext {
  admitted: AdmittedSpec;
  plan: StepPlan;
  key: ActionKey;
  components: ActionKeyParts;
  /** The repository and commit that it is made of, for people. */
  model: string;
  /** Content digests of the step's inputs, by role; all of the plan's roles are there. */
  inputs: Record<string, Digest>;
  /** What the store has does not count unless it was made for this request; undefined: all counts. */
  remake: string | undefined;
  /** Aborted when the activity is, and when another attempt has taken the claim over. */
  signal: AbortSignal;
  /** Fails when another attempt has taken the claim over; pass it to `Staging.commit`. */
  assertClaim: () => Promise<void>;
  /** Whether what belongs to the action, and not to an attempt, is still ours to touch. */
  isClaimHeld: () => Promise<boolean>;
}

/**
 * Makes a step's artifact unless the store has it, as the only one who does: checks again, claims the key, keeps the claim
 * while `make` works, and records the run as a root of what it needs.
 * @throws EnginesmithFailure `ClaimHeld`, benign, while another pipeline makes the same artifact
 */
export async function makeArtifact(
  request: StepRequest,
  dependencies: ActivityDependencies,
  make: (context: MakeContext) => Promise<CommitResult>,
): Promise<StepOutcome> {
  const { store, claims } = dependencies;
  const step = resolveStep(request, dependencies);
  const { plan, key, remake } = step;
  const keep = ({ digest }: ArtifactReference): Promise<boolean> =>
    store.recordRoot(rootOf(request.admitted.spec, { key, digest }));
  const reuse = async (artifact: ArtifactReference | undefined): Promise<StepOutcome | undefined> =>
    artifact && (await keep(artifact)) ? { key, artifact, status: 'reused' } : undefined;
  const found = await reuse(await store.lookup(key, remake));
  if (found !== undefined) return found;

  const claim = await claims.claim({ key, owner: activityOwner(), ttlMs: CLAIM_TTL_MS });
  if ('heldBy' in claim) {
    throw new EnginesmithFailure('ClaimHeld', `${plan.id} is being made by ${claim.heldBy}; waiting for it`, {
      benign: true,
      nextRetryDelayMs: retryForOthersMs(),
      context: { heldBy: claim.heldBy },
    });
  }
  const lost = new AbortController();
  const renew = async (): Promise<void> => {
    if (!(await claim.renew())) await claim.assertHeld();
  };
  const renewal = setInterval(() => {
    renew().catch((failure: unknown) => {
      if (failure instanceof EnginesmithFailure) lost.abort(failure);
      else log.warn('the claim could not be renewed', { key, failure: `${failure}` });
    });
  }, CLAIM_TTL_MS / 4);
  try {
    // The one who held the claim before may have finished between our look and our claim.
    const made = (await reuse(await store.lookup(key, remake))) ?? (await reuse(await store.finishCommit(key, remake)));
    if (made !== undefined) return made;
    const { reference, conflict } = await withRoom(dependencies, plan.id, () =>
      make({
        admitted: request.admitted,
        ...step,
        model: sourceOf(plan, request.admitted),
        signal: AbortSignal.any([cancellationSignal(), lost.signal]),
        assertClaim: claim.assertHeld,
        isClaimHeld: claim.isHeld,
      }),
    );
    if (conflict !== undefined)
      log.warn('the same action made different content; the first one is kept', { key, ...conflict });
    if (!(await keep(reference))) {
      throw new EnginesmithFailure('ClaimHeld', `what ${plan.id} made was collected at once; it is made again`, {
        benign: true,
        context: { digest: reference.digest },
      });
    }
    await claim.retire();
    return { key, artifact: reference, status: 'ran' };
  } finally {
    clearInterval(renewal);
    await claim.release();
  }
}
