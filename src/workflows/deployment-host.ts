import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  patched,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  DeployedRevision,
  DeploymentState,
  PromoteOutcome,
  PromoteRequest,
  RevisionDescription,
  YieldRequest,
} from '../contracts/deployment.js';
import { CurrentRevision } from './current-revision.js';
import type { RollbackOutcome, RollbackRequest } from './messages.js';
import { aboutRevision } from './revision-failures.js';
import { addRevision, namedRevision, rollbackTarget, servesTheSame } from './revision-history.js';
import type { Revision } from './revision-on-host.js';
import { handGpusBack, quietly, startCandidate } from './start-candidate.js';
import { Turns } from './turns.js';
import { assertMayYield, withBorrower } from './yielding.js';

/** Between the look-up of an address and the request to it; Triton itself lets requests finish that it has. */
const LINGER_MS = 1_000;

/** Since then a revision that lost its name lingers; deployments that replay older turns ended it at once. */
const LINGERS = '2026-11-old-revision-lingers';

/** Since then the end of a displaced revision is waited for, whoever gives the promotion up meanwhile. */
const DISPLACES_WHOLLY = '2026-11-displaced-revision-ends';

/** How a revision came to be a candidate for the name. */
interface Candidacy {
  description: RevisionDescription;
  /** Asked through Triton what its engine was asked, before it takes the name. */
  gated: boolean;
  rollbackOf?: number;
}

/** A deployment's state and what may be done to it, each operation exclusive of the others. */
export class DeploymentHost {
  /** What has the name. */
  readonly current: CurrentRevision;
  private readonly turns: Turns;

  constructor(readonly state: DeploymentState) {
    this.turns = new Turns(() => this.current.publish());
    this.current = new CurrentRevision(state, () => this.isBeingStopped());
    this.current.publish();
  }

  isServing(): boolean {
    return this.state.status === 'serving';
  }

  hasYielded(): boolean {
    return this.state.status === 'yielded';
  }

  /** Whether it is time for a fresh history and no operation would be cut. */
  isIdleAndLong(): boolean {
    return workflowInfo().continueAsNewSuggested && this.turns.isIdle();
  }

  /** Runs one operation at a time, in the order in which they came. */
  exclusively<Result>(operation: () => Promise<Result>): Promise<Result> {
    return this.turns.exclusively(operation);
  }

  /** Promotes in its turn, unless the promotion is withdrawn before. */
  promoteInTurn(request: PromoteRequest): Promise<PromoteOutcome> {
    return this.turns.inTurn(request.promotion, () => this.promote(request));
  }

  /** Rolls back in its turn. Pipelines that were admitted before it are stale after it. */
  rollbackInTurn(request: RollbackRequest): Promise<RollbackOutcome> {
    return this.turns.inTurn(Symbol('rollback'), () => this.rollback(request));
  }

  /** Gives a promotion up. Once it has taken the name this does nothing: the pipeline learns that it was too late. */
  withdraw(promotion: string): void {
    this.turns.giveUp(promotion);
  }

  /** Stops in its turn, which what may wait long, for a GPU or for a host, does not hold up. */
  stopInTurn(): Promise<DeploymentState> {
    this.current.interrupt();
    return this.turns.overtaking(() => this.stop());
  }

  /** Whether what would start a revision again is not to, because somebody stops the deployment. */
  isBeingStopped(): boolean {
    return this.turns.isOvertaken();
  }

  private async promote({ revision, expectedRevision }: PromoteRequest): Promise<PromoteOutcome> {
    const { state } = this;
    if (expectedRevision === state.currentNumber) return this.switchTo({ description: revision, gated: true });
    throw ApplicationFailure.nonRetryable(
      `deployment ${state.name} is at revision ${state.currentNumber}; this pipeline was admitted when it was at ` +
        `${expectedRevision}. Start the pipeline again to promote on top of what serves now.`,
      'StalePromotion',
    );
  }

  /** An earlier revision passed its gates when it was new: it is smoke-tested only. */
  private async rollback({ to }: RollbackRequest): Promise<RollbackOutcome> {
    const { number, description } = rollbackTarget(this.state, to);
    try {
      return { ...(await this.switchTo({ description, gated: false, rollbackOf: number })), rollbackOf: number };
    } catch (failure) {
      throw aboutRevision(failure, number);
    }
  }

  /**
   * Starts the candidate beside the current revision where GPUs allow, else in its place, tests it, and gives it the name.
   * On any failure the revision that had the name serves again. What serves already is only smoke-tested: a nightly run
   * that made nothing new moves nothing.
   */
  private async switchTo({ description, gated, rollbackOf }: Candidacy): Promise<PromoteOutcome> {
    const { state } = this;
    const serving = this.isServing() ? namedRevision(state) : null;
    if (serving !== null && state.endpoint !== null && servesTheSame(serving.description, description)) {
      const smoke = await this.current.on({ number: serving.number, description }).smokeTest(state.endpoint);
      return { endpoint: state.endpoint, smoke, downtimeMs: 0 };
    }
    const { yielded } = state;
    const previous = this.current.wanted();
    const candidate = { number: ++state.lastNumber, description };
    let downSince = yielded === undefined ? null : Date.parse(yielded.since);
    const makeRoom = async (displaced: DeployedRevision): Promise<void> => {
      downSince = Date.now();
      this.current.serveNothing('replacing');
      const end = () => this.current.on(displaced).stop();
      // Cut off, the end would go on, of a Triton that whoever falls back takes for one that serves.
      await (patched(DISPLACES_WHOLLY) ? CancellationScope.nonCancellable(end) : end());
    };
    try {
      const endpoint = await startCandidate({
        candidate,
        previous,
        hasYielded: yielded !== undefined,
        makeRoom,
        on: (revision) => this.current.on(revision),
      });
      const smoke = await this.current.on(candidate).smokeTest(endpoint);
      const servedGate =
        gated && description.servedGate !== undefined
          ? await this.current.on(candidate).gateServed(endpoint)
          : undefined;
      state.currentNumber = candidate.number;
      state.status = 'serving';
      state.endpoint = endpoint;
      delete state.yielded;
      delete state.trouble;
      const seen = { smoke, ...(servedGate && { servedGate }) };
      addRevision(state, {
        ...candidate,
        ...seen,
        ...(rollbackOf !== undefined && { rollbackOf }),
        promotedAt: new Date().toISOString(),
      });
      this.current.publish();
      const downtimeMs = downSince === null ? 0 : Date.now() - downSince;
      // The name has moved: nothing that happens to the old revision takes it back.
      if (previous !== null && downSince === null) {
        await CancellationScope.nonCancellable(() => this.retire(previous));
      } else if (previous !== null && yielded !== undefined) {
        // What it has lent and the candidate did not need.
        await CancellationScope.nonCancellable(() => this.current.end(previous));
      }
      return { endpoint, ...seen, downtimeMs };
    } catch (failure) {
      await CancellationScope.nonCancellable(() => this.fallBack(candidate, downSince === null ? null : previous));
      throw failure;
    }
  }

  /** Ends the serving Triton, and what may be left of one that failed; the history stays. */
  async stop(): Promise<DeploymentState> {
    const named = this.state.status === 'stopped' ? null : namedRevision(this.state);
    if (named !== null) await this.current.on(named).stop();
    this.current.serveNothing(this.state.currentNumber === 0 ? 'empty' : 'stopped');
    return this.state;
  }

  /** Ends what serves, and leaves its GPUs to the steps of a run, until that and all others have ended that asked for them. */
  async yieldTo(request: YieldRequest): Promise<DeploymentState> {
    const { state } = this;
    assertMayYield(state, request);
    const current = this.current.wanted();
    if (current === null) return state;
    const yielded = withBorrower(state.yielded, request);
    state.yielded = yielded;
    this.current.serveNothing('yielded');
    try {
      await this.current.on(current).lend(yielded.to);
    } catch (failure) {
      if (!isCancellation(failure) && !this.current.leavesToStop()) await this.current.comeBack();
      throw failure;
    }
    return state;
  }

  /** Lasts as long as a pipeline that this has yielded to. */
  async awaitBorrowers(): Promise<void> {
    const current = this.current.wanted();
    if (current !== null) await this.current.on(current).awaitBorrowers(this.state.yielded?.to ?? []);
  }

  /** Lasts as long as the Triton of a revision does. */
  async supervise(number: number): Promise<void> {
    const revision = this.state.revisions.find((candidate) => candidate.number === number);
    if (revision !== undefined) await this.current.on(revision).supervise();
  }

  /** Ends what is left of a candidate. The revision that had to make room for it serves again, or has yielded as before. */
  private async fallBack(candidate: Revision, displaced: DeployedRevision | null): Promise<void> {
    if (displaced !== null) await handGpusBack(candidate, displaced, (revision) => this.current.on(revision));
    await this.current.end(candidate, true);
    if (displaced === null) return;
    const { yielded } = this.state;
    if (yielded === undefined) await this.current.bringBack(displaced);
    else await quietly('GPUs could not be lent again', displaced, () => this.current.on(displaced).lend(yielded.to));
  }

  /** Ends what had the name, once those who looked it up a moment before have asked. */
  private async retire(previous: Revision): Promise<void> {
    if (patched(LINGERS)) await sleep(LINGER_MS);
    await this.current.end(previous);
  }
}
