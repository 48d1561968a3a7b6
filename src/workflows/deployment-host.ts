import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  DeployedRevision,
  DeploymentState,
  PromoteOutcome,
  PromoteRequest,
  RevisionDescription,
} from '../contracts/deployment.js';
import type { ServingEndpoint } from '../contracts/pipeline.js';
import { deploymentDetails } from './deployment-details.js';
import { type Revision, type RevisionOnHost, revisionOnHost } from './revision-on-host.js';

/** Revisions that the history keeps; older ones are in the Temporal histories of their pipelines. */
const KEPT_REVISIONS = 20;

const failureType = (failure: unknown): string | null | undefined =>
  failure instanceof ActivityFailure && failure.cause instanceof ApplicationFailure ? failure.cause.type : null;

/** Whether two descriptions would start the same Triton. The smoke test and the evidence change nothing about it. */
const servesTheSame = (left: RevisionDescription, right: RevisionDescription): boolean =>
  left.host === right.host &&
  left.toolchain.identity === right.toolchain.identity &&
  left.engine.digest === right.engine.digest &&
  left.model.digest === right.model.digest &&
  left.servingParameters.digest === right.servingParameters.digest;

/** A deployment's state and what may be done to it, each operation exclusive of the others. */
export class DeploymentHost {
  /** Operations that run or wait. */
  private pending = 0;
  private last: Promise<unknown> = Promise.resolve();
  private restarting: CancellationScope | null = null;
  /** Promotions that wait or run, by their names. */
  private readonly promotions = new Map<string, CancellationScope>();

  constructor(readonly state: DeploymentState) {
    this.publish();
  }

  isServing(): boolean {
    return this.state.status === 'serving';
  }

  /** Whether it is time for a fresh history and no operation would be cut. */
  isIdleAndLong(): boolean {
    return workflowInfo().continueAsNewSuggested && this.pending === 0;
  }

  /**
   * Runs one operation at a time, in the order in which they came. A chain and not a flag: of two that wait for a flag,
   * both see it fall.
   */
  exclusively<Result>(operation: () => Promise<Result>): Promise<Result> {
    this.pending += 1;
    const result = this.last.then(operation);
    this.last = result
      .catch(() => undefined)
      .then(() => {
        this.pending -= 1;
        this.publish();
      });
    return result;
  }

  /** Promotes in its turn, unless the promotion is withdrawn before. */
  async promoteInTurn(request: PromoteRequest): Promise<PromoteOutcome> {
    const scope = new CancellationScope();
    this.promotions.set(request.promotion, scope);
    try {
      return await this.exclusively(() => scope.run(() => this.promote(request)));
    } finally {
      this.promotions.delete(request.promotion);
    }
  }

  /** Gives a promotion up. Once it has taken the name this does nothing: the pipeline learns that it was too late. */
  withdraw(promotion: string): void {
    this.promotions.get(promotion)?.cancel();
  }

  /** What holds up whoever stops the deployment: a restart or promotions that may wait long, for a GPU or for a host. */
  giveUpWaiting(): void {
    this.restarting?.cancel();
    for (const scope of this.promotions.values()) scope.cancel();
  }

  /**
   * Starts the revision beside the current one where GPUs allow, else in its place, smoke-tests it, and gives it the name.
   * On any failure the revision that had the name serves again. What serves already is only smoke-tested: a nightly run
   * that made nothing new moves nothing.
   */
  private async promote({ revision, expectedRevision }: PromoteRequest): Promise<PromoteOutcome> {
    const { state } = this;
    if (expectedRevision !== state.currentNumber) {
      throw ApplicationFailure.nonRetryable(
        `deployment ${state.name} is at revision ${state.currentNumber}; this pipeline was admitted when it was at ` +
          `${expectedRevision}. Start the pipeline again to promote on top of what serves now.`,
        'StalePromotion',
      );
    }
    const serving = this.isServing() ? this.named() : null;
    if (serving !== null && state.endpoint !== null && servesTheSame(serving.description, revision)) {
      const smoke = await this.on({ number: serving.number, description: revision }).smokeTest(state.endpoint);
      return { endpoint: state.endpoint, smoke, downtimeMs: 0 };
    }
    const previous = this.current();
    const candidate = { number: ++state.lastNumber, description: revision };
    let downSince: number | null = null;
    const makeRoom = async (displaced: DeployedRevision): Promise<void> => {
      downSince = Date.now();
      state.status = 'replacing';
      await this.on(displaced).stop();
    };
    try {
      const endpoint = await this.start(candidate, previous, makeRoom);
      const smoke = await this.on(candidate).smokeTest(endpoint);
      state.currentNumber = candidate.number;
      state.status = 'serving';
      state.endpoint = endpoint;
      state.revisions.push({ ...candidate, smoke, promotedAt: new Date().toISOString() });
      state.revisions.splice(0, state.revisions.length - KEPT_REVISIONS);
      const downtimeMs = downSince === null ? 0 : Date.now() - downSince;
      // The name has moved: nothing that happens to the old revision takes it back.
      if (previous !== null && downSince === null) {
        await CancellationScope.nonCancellable(() => this.endQuietly(previous));
      }
      return { endpoint, smoke, downtimeMs };
    } catch (failure) {
      await CancellationScope.nonCancellable(() => this.fallBack(candidate, downSince === null ? null : previous));
      throw failure;
    }
  }

  /** Ends the serving Triton, and what may be left of one that failed; the history stays. */
  async stop(): Promise<DeploymentState> {
    const named = this.state.status === 'stopped' ? null : this.named();
    if (named !== null) await this.on(named).stop();
    this.state.status = this.state.currentNumber === 0 ? 'empty' : 'stopped';
    this.state.endpoint = null;
    return this.state;
  }

  /** Starts the current revision again after its Triton ended by itself. */
  async restart(): Promise<void> {
    const current = this.current();
    if (current === null) return;
    this.state.status = 'restarting';
    this.publish();
    this.restarting = new CancellationScope();
    await this.serveOrFail(current, this.restarting);
    this.restarting = null;
  }

  /** Stops trying: its Triton ends again and again. */
  async giveUp(): Promise<void> {
    const current = this.current();
    if (current !== null) await this.fail(current);
  }

  /** Lasts as long as the Triton of a revision does. */
  async supervise(number: number): Promise<void> {
    const revision = this.state.revisions.find((candidate) => candidate.number === number);
    if (revision !== undefined) await this.on(revision).supervise();
  }

  private current(): DeployedRevision | null {
    return this.state.status === 'serving' || this.state.status === 'restarting' ? this.named() : null;
  }

  /** The revision that has the name, whether it serves or not. */
  private named(): DeployedRevision | null {
    return this.state.revisions.find(({ number }) => number === this.state.currentNumber) ?? null;
  }

  /** @param makeRoom ends the current revision, where its GPUs are the ones that are needed */
  private async start(
    candidate: Revision,
    previous: DeployedRevision | null,
    makeRoom: (displaced: DeployedRevision) => Promise<void>,
  ): Promise<ServingEndpoint> {
    // Ending a revision on another host would free nothing that the candidate could use.
    const displaceable = previous?.description.host === candidate.description.host ? previous : null;
    try {
      return await this.on(candidate).start(displaceable === null);
    } catch (failure) {
      if (displaceable === null || failureType(failure) !== 'NoFreeGpu') throw failure;
      await makeRoom(displaceable);
      return this.on(candidate).start(true);
    }
  }

  /** Ends what is left of a candidate, and starts the revision again that had to make room for it. */
  private async fallBack(candidate: Revision, displaced: DeployedRevision | null): Promise<void> {
    await this.endQuietly(candidate);
    if (displaced !== null) await this.serveOrFail(displaced);
  }

  private async serveOrFail(revision: DeployedRevision, scope = new CancellationScope()): Promise<void> {
    try {
      await scope.run(() => this.serve(revision));
    } catch (failure) {
      log.error('a revision does not serve any more', { number: revision.number, failure: `${failure}` });
      await CancellationScope.nonCancellable(() => this.fail(revision));
    }
  }

  /** A Triton that is there but not right would keep its GPUs: it goes. */
  private async fail(revision: DeployedRevision): Promise<void> {
    this.state.status = 'failed';
    this.state.endpoint = null;
    await this.endQuietly(revision);
  }

  /** Ends a revision. A host that is gone for good must not stand in the way of the deployment. */
  private async endQuietly(revision: Revision): Promise<void> {
    try {
      await this.on(revision).stop();
    } catch (failure) {
      log.warn('a revision could not be ended', { number: revision.number, failure: `${failure}` });
    }
  }

  /** Starts a known revision, or finds it running, and smoke-tests it. */
  private async serve(revision: DeployedRevision): Promise<void> {
    const endpoint = await this.on(revision).start(true);
    await this.on(revision).smokeTest(endpoint);
    this.state.status = 'serving';
    this.state.endpoint = endpoint;
  }

  private on(revision: Revision): RevisionOnHost {
    return revisionOnHost(this.state.name, revision);
  }

  private publish(): void {
    setCurrentDetails(deploymentDetails(this.state));
  }
}
