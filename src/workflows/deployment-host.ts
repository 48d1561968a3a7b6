import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  log,
  patched,
  setCurrentDetails,
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
import { deploymentDetails } from './deployment-details.js';
import type { RollbackOutcome, RollbackRequest } from './messages.js';
import { aboutRevision, sentenceOf } from './revision-failures.js';
import { addRevision, namedRevision, rollbackTarget, servesTheSame } from './revision-history.js';
import { type Revision, type RevisionOnHost, revisionOnHost } from './revision-on-host.js';
import { handGpusBack, quietly, startCandidate, startPatiently } from './start-candidate.js';
import { Turns } from './turns.js';
import { assertMayYield, withBorrower } from './yielding.js';

/** Between the look-up of an address and the request to it; Triton itself lets requests finish that it has. */
const LINGER_MS = 1_000;

/** Since then a revision that lost its name lingers; deployments that replay older turns ended it at once. */
const LINGERS = '2026-11-old-revision-lingers';

/** Since then the end of a displaced revision is waited for, whoever gives the promotion up meanwhile. */
const DISPLACES_WHOLLY = '2026-11-displaced-revision-ends';

/** Since then a revision that does not come up is started again, as one is that ends. */
const STARTS_AGAIN = '2026-11-starts-again';

/** Since then what falls back looks whether somebody stops the deployment, who would wait for a start to end it. */
const LEAVES_TO_STOP = '2026-11-falling-back-leaves-to-stop';

/** How a revision came to be a candidate for the name. */
interface Candidacy {
  description: RevisionDescription;
  /** Asked through Triton what its engine was asked, before it takes the name. */
  gated: boolean;
  rollbackOf?: number;
}

/** How a known revision is started. */
interface Start {
  /** Without what may be left of its last start: a Triton that runs, but not as it should. */
  isAfresh?: boolean;
  /** However long a tool takes to leave its GPUs. */
  isPatient?: boolean;
}

/** A deployment's state and what may be done to it, each operation exclusive of the others. */
export class DeploymentHost {
  private readonly turns = new Turns(() => this.publish());
  private restarting: CancellationScope | null = null;

  constructor(readonly state: DeploymentState) {
    this.publish();
  }

  isServing(): boolean {
    return this.state.status === 'serving';
  }

  hasYielded(): boolean {
    return this.state.status === 'yielded';
  }

  /** Whether the revision that has the name is to serve, and did not come up when it was started last. */
  hasFallen(): boolean {
    return this.state.status === 'restarting' && this.restarting === null;
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
    this.restarting?.cancel();
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
      const smoke = await this.on({ number: serving.number, description }).smokeTest(state.endpoint);
      return { endpoint: state.endpoint, smoke, downtimeMs: 0 };
    }
    const { yielded } = state;
    const previous = this.current();
    const candidate = { number: ++state.lastNumber, description };
    let downSince = yielded === undefined ? null : Date.parse(yielded.since);
    const makeRoom = async (displaced: DeployedRevision): Promise<void> => {
      downSince = Date.now();
      this.serveNothing('replacing');
      const end = () => this.on(displaced).stop();
      // Cut off, the end would go on, of a Triton that whoever falls back takes for one that serves.
      await (patched(DISPLACES_WHOLLY) ? CancellationScope.nonCancellable(end) : end());
    };
    try {
      const endpoint = await startCandidate({
        candidate,
        previous,
        hasYielded: yielded !== undefined,
        makeRoom,
        on: (revision) => this.on(revision),
      });
      const smoke = await this.on(candidate).smokeTest(endpoint);
      const servedGate =
        gated && description.servedGate !== undefined ? await this.on(candidate).gateServed(endpoint) : undefined;
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
      this.publish();
      const downtimeMs = downSince === null ? 0 : Date.now() - downSince;
      // The name has moved: nothing that happens to the old revision takes it back.
      if (previous !== null && downSince === null) {
        await CancellationScope.nonCancellable(() => this.retire(previous));
      } else if (previous !== null && yielded !== undefined) {
        // What it has lent and the candidate did not need.
        await CancellationScope.nonCancellable(() => this.endQuietly(previous));
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
    if (named !== null) await this.on(named).stop();
    this.serveNothing(this.state.currentNumber === 0 ? 'empty' : 'stopped');
    return this.state;
  }

  /** Starts the current revision again after its Triton ended by itself, or did not come up. */
  async restart(): Promise<void> {
    const current = this.current();
    if (current === null) return;
    const isAfresh = this.hasFallen();
    this.serveNothing('restarting');
    await this.serveAgain(current, { isAfresh });
  }

  /** Ends what serves, and leaves its GPUs to the steps of a run, until that and all others have ended that asked for them. */
  async yieldTo(request: YieldRequest): Promise<DeploymentState> {
    const { state } = this;
    assertMayYield(state, request);
    const current = this.current();
    if (current === null) return state;
    const yielded = withBorrower(state.yielded, request);
    state.yielded = yielded;
    this.serveNothing('yielded');
    try {
      await this.on(current).lend(yielded.to);
    } catch (failure) {
      if (!isCancellation(failure) && !this.leavesToStop()) await this.comeBack();
      throw failure;
    }
    return state;
  }

  /** Lasts as long as a pipeline that this has yielded to. */
  async awaitBorrowers(): Promise<void> {
    const current = this.current();
    if (current !== null) await this.on(current).awaitBorrowers(this.state.yielded?.to ?? []);
  }

  /** Starts the current revision again on the GPUs that it had lent, however long a tool takes to leave them. */
  async comeBack(): Promise<void> {
    const current = this.current();
    if (current === null) return;
    this.serveNothing('restarting');
    await this.serveAgain(current, { isPatient: true });
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
    return ['serving', 'yielded', 'restarting'].includes(this.state.status) ? namedRevision(this.state) : null;
  }

  /** Ends what is left of a candidate. The revision that had to make room for it serves again, or has yielded as before. */
  private async fallBack(candidate: Revision, displaced: DeployedRevision | null): Promise<void> {
    if (displaced !== null) await handGpusBack(candidate, displaced, (revision) => this.on(revision));
    await this.endQuietly(candidate, true);
    if (displaced === null) return;
    const { yielded } = this.state;
    if (yielded === undefined) await this.bringBack(displaced);
    else await quietly('GPUs could not be lent again', displaced, () => this.on(displaced).lend(yielded.to));
  }

  /** Starts the revision again that made room, unless somebody stops the deployment: that ends what is left of it. */
  private async bringBack(displaced: DeployedRevision): Promise<void> {
    if (this.leavesToStop()) this.serveNothing('restarting');
    else if (patched(LEAVES_TO_STOP)) await this.serveAgain(displaced);
    else await this.serveOrFall(displaced);
  }

  private leavesToStop(): boolean {
    return this.isBeingStopped() && patched(LEAVES_TO_STOP);
  }

  /** Starts a known revision, unless a stop comes. */
  private async serveAgain(revision: DeployedRevision, how: Start = {}): Promise<void> {
    const scope = new CancellationScope();
    this.restarting = scope;
    await this.serveOrFall(revision, how, scope);
    this.restarting = null;
  }

  private async serveOrFall(
    revision: DeployedRevision,
    how: Start = {},
    scope = new CancellationScope(),
  ): Promise<void> {
    try {
      await scope.run(() => this.serve(revision, how));
    } catch (failure) {
      log.error('a revision does not serve any more', { number: revision.number, failure: `${failure}` });
      this.state.trouble = sentenceOf(failure);
      if (!scope.consideredCancelled && patched(STARTS_AGAIN)) this.serveNothing('restarting');
      else await CancellationScope.nonCancellable(() => this.fail(revision));
    }
  }

  /** A Triton that is there but not right would keep its GPUs: it goes. */
  private async fail(revision: DeployedRevision): Promise<void> {
    this.serveNothing('failed');
    await this.endQuietly(revision);
  }

  /** Nobody is sent to ports that a stranger may have by now. */
  private serveNothing(status: Exclude<DeploymentState['status'], 'serving'>): void {
    this.state.status = status;
    this.state.endpoint = null;
    if (status !== 'yielded') delete this.state.yielded;
    if (status !== 'restarting' && status !== 'failed') delete this.state.trouble;
    this.publish();
  }

  /** Ends what had the name, once those who looked it up a moment before have asked. */
  private async retire(previous: Revision): Promise<void> {
    if (patched(LINGERS)) await sleep(LINGER_MS);
    await this.endQuietly(previous);
  }

  private endQuietly(revision: Revision, neverServed = false): Promise<void> {
    return quietly('a revision could not be ended', revision, () => this.on(revision).stop(neverServed));
  }

  /** Starts a known revision, or finds it running, and smoke-tests it. */
  private async serve(revision: DeployedRevision, { isAfresh = false, isPatient = false }: Start): Promise<void> {
    const host = this.on(revision);
    if (isAfresh) await host.clear();
    const endpoint = await (isPatient ? startPatiently(host) : host.start(true));
    await host.smokeTest(endpoint);
    this.state.status = 'serving';
    this.state.endpoint = endpoint;
    delete this.state.trouble;
  }

  private on(revision: Revision): RevisionOnHost {
    return revisionOnHost(this.state.name, revision);
  }

  private publish(): void {
    setCurrentDetails(deploymentDetails(this.state));
  }
}
