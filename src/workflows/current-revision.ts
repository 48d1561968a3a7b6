import { CancellationScope, log, patched, setCurrentDetails } from '@temporalio/workflow';
import type { DeployedRevision, DeploymentState } from '../contracts/deployment.js';
import { deploymentDetails } from './deployment-details.js';
import { sentenceOf } from './revision-failures.js';
import { namedRevision } from './revision-history.js';
import { type Revision, type RevisionOnHost, revisionOnHost } from './revision-on-host.js';
import { quietly, startPatiently } from './start-candidate.js';

/** Since then a revision that does not come up is started again, as one is that ends. */
const STARTS_AGAIN = '2026-11-starts-again';

/** Since then what falls back looks whether somebody stops the deployment, who would wait for a start to end it. */
const LEAVES_TO_STOP = '2026-11-falling-back-leaves-to-stop';

/** How a known revision is started. */
interface Start {
  /** Without what may be left of its last start: a Triton that runs, but not as it should. */
  isAfresh?: boolean;
  /** However long a tool takes to leave its GPUs. */
  isPatient?: boolean;
}

/** The revision that has a deployment's name: whether it serves, and how it comes to serve again. */
export class CurrentRevision {
  private starting: CancellationScope | null = null;

  /** @param isBeingStopped whether somebody waits to stop the deployment */
  constructor(
    private readonly state: DeploymentState,
    private readonly isBeingStopped: () => boolean,
  ) {}

  /** It, unless it is not to serve: stopped, failed, or making room. */
  wanted(): DeployedRevision | null {
    return ['serving', 'yielded', 'restarting'].includes(this.state.status) ? namedRevision(this.state) : null;
  }

  /** Whether it is to serve, and did not come up when it was started last. */
  hasFallen(): boolean {
    return this.state.status === 'restarting' && this.starting === null;
  }

  /** Cuts off its start, for whoever would have to wait for it. */
  interrupt(): void {
    this.starting?.cancel();
  }

  /** Starts it again after its Triton ended by itself, or did not come up. */
  async restart(): Promise<void> {
    const revision = this.wanted();
    if (revision === null) return;
    const isAfresh = this.hasFallen();
    this.serveNothing('restarting');
    await this.serveAgain(revision, { isAfresh });
  }

  /** Starts it again on the GPUs that it had lent, however long a tool takes to leave them. */
  async comeBack(): Promise<void> {
    const revision = this.wanted();
    if (revision === null) return;
    this.serveNothing('restarting');
    await this.serveAgain(revision, { isPatient: true });
  }

  /** Starts it again after it made room, unless somebody stops the deployment: that ends what is left of it. */
  async bringBack(displaced: DeployedRevision): Promise<void> {
    if (this.leavesToStop()) this.serveNothing('restarting');
    else if (patched(LEAVES_TO_STOP)) await this.serveAgain(displaced);
    else await this.serveOrFall(displaced);
  }

  leavesToStop(): boolean {
    return this.isBeingStopped() && patched(LEAVES_TO_STOP);
  }

  /** Stops trying: its Triton ends again and again. */
  async giveUp(): Promise<void> {
    const revision = this.wanted();
    if (revision !== null) await this.fail(revision);
  }

  /** Nobody is sent to ports that a stranger may have by now. */
  serveNothing(status: Exclude<DeploymentState['status'], 'serving'>): void {
    this.state.status = status;
    this.state.endpoint = null;
    if (status !== 'yielded') delete this.state.yielded;
    if (status !== 'restarting' && status !== 'failed') delete this.state.trouble;
    this.publish();
  }

  /** Ends a revision; what goes wrong is logged. */
  end(revision: Revision, neverServed = false): Promise<void> {
    return quietly('a revision could not be ended', revision, () => this.on(revision).stop(neverServed));
  }

  on(revision: Revision): RevisionOnHost {
    return revisionOnHost(this.state.name, revision);
  }

  publish(): void {
    setCurrentDetails(deploymentDetails(this.state));
  }

  /** Starts a known revision, unless a stop comes. */
  private async serveAgain(revision: DeployedRevision, how: Start = {}): Promise<void> {
    const scope = new CancellationScope();
    this.starting = scope;
    await this.serveOrFall(revision, how, scope);
    this.starting = null;
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

  /** A Triton that is there but not right would keep its GPUs: it goes. */
  private async fail(revision: DeployedRevision): Promise<void> {
    this.serveNothing('failed');
    await this.end(revision);
  }
}
