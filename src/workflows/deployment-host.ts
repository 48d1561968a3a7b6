import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { ServeActivities } from '../contracts/activities.js';
import type {
  DeployedRevision,
  DeploymentState,
  PromoteOutcome,
  PromoteRequest,
  RevisionDescription,
} from '../contracts/deployment.js';
import type { ServingEndpoint } from '../contracts/pipeline.js';
import type { SmokeReport } from '../contracts/smoke.js';
import { serveTaskQueue } from '../contracts/task-queues.js';
import { activityOptions } from './activity-options.js';

/** Revisions that the history keeps; older ones are in the Temporal histories of their pipelines. */
const KEPT_REVISIONS = 50;

const failureType = (failure: unknown): string | null | undefined =>
  failure instanceof ActivityFailure && failure.cause instanceof ApplicationFailure ? failure.cause.type : null;

/** A deployment's state and what may be done to it, each operation exclusive of the others. */
export class DeploymentHost {
  /** Operations that run or wait. */
  private pending = 0;
  private last: Promise<unknown> = Promise.resolve();

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

  /**
   * Starts the revision beside the current one where GPUs allow, else in its place, smoke-tests it, and gives it the name.
   * On any failure the revision that had the name serves again.
   */
  async promote({ revision, expectedRevision }: PromoteRequest): Promise<PromoteOutcome> {
    const { state } = this;
    if (expectedRevision !== state.currentNumber) {
      throw ApplicationFailure.nonRetryable(
        `deployment ${state.name} is at revision ${state.currentNumber}; this pipeline was admitted when it was at ` +
          `${expectedRevision}. Start the pipeline again to promote on top of what serves now.`,
        'StalePromotion',
      );
    }
    const previous = this.current();
    const number = ++state.lastNumber;
    try {
      const { endpoint, downSince } = await this.start(number, revision, previous);
      const smoke = await this.smokeTest(number, revision, endpoint);
      state.currentNumber = number;
      state.status = 'serving';
      state.endpoint = endpoint;
      state.revisions.push({ number, description: revision, smoke, promotedAt: new Date().toISOString() });
      state.revisions.splice(0, state.revisions.length - KEPT_REVISIONS);
      const downtimeMs = downSince === null ? 0 : Date.now() - downSince;
      if (previous !== null && downSince === null) await this.stopRevision(previous);
      return { endpoint, smoke, downtimeMs };
    } catch (failure) {
      await CancellationScope.nonCancellable(() => this.fallBack(number, revision, previous));
      throw failure;
    }
  }

  /** Ends the serving Triton; the history stays. */
  async stop(): Promise<DeploymentState> {
    const current = this.current();
    if (current !== null) await this.stopRevision(current);
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
    try {
      await this.serve(current);
    } catch {
      this.state.status = 'failed';
      this.state.endpoint = null;
    }
  }

  /** Stops trying: its Triton ends again and again. */
  async giveUp(): Promise<void> {
    await this.stop();
    this.state.status = 'failed';
  }

  async supervise(number: number): Promise<void> {
    const { state } = this;
    const revision = state.revisions.find((candidate) => candidate.number === number);
    if (revision === undefined) return;
    await this.activities('superviseRevision', revision.description, `revision ${number}`).superviseRevision({
      name: state.name,
      number,
    });
  }

  private current(): DeployedRevision | null {
    if (this.state.status !== 'serving' && this.state.status !== 'restarting') return null;
    return this.state.revisions.find(({ number }) => number === this.state.currentNumber) ?? null;
  }

  /** `downSince` is set when the current revision had to go first, because its GPUs are the ones that are needed. */
  private async start(
    number: number,
    revision: RevisionDescription,
    previous: DeployedRevision | null,
  ): Promise<{ endpoint: ServingEndpoint; downSince: number | null }> {
    try {
      return { endpoint: await this.startRevision(number, revision, previous === null), downSince: null };
    } catch (failure) {
      if (previous === null || failureType(failure) !== 'NoFreeGpu') throw failure;
      const downSince = Date.now();
      this.state.status = 'replacing';
      await this.stopRevision(previous);
      return { endpoint: await this.startRevision(number, revision, true), downSince };
    }
  }

  /** Ends what is left of a candidate and sees to it that the revision with the name answers. */
  private async fallBack(
    number: number,
    revision: RevisionDescription,
    previous: DeployedRevision | null,
  ): Promise<void> {
    await this.stopRevision({ number, description: revision });
    if (previous === null) return;
    try {
      await this.serve(previous);
    } catch {
      this.state.status = 'failed';
      this.state.endpoint = null;
    }
  }

  /** Starts a known revision, or finds it running, and smoke-tests it. */
  private async serve({ number, description }: DeployedRevision): Promise<void> {
    const endpoint = await this.startRevision(number, description, true);
    await this.smokeTest(number, description, endpoint);
    this.state.status = 'serving';
    this.state.endpoint = endpoint;
  }

  private startRevision(
    number: number,
    description: RevisionDescription,
    waitForGpu: boolean,
  ): Promise<ServingEndpoint> {
    const { name } = this.state;
    return this.activities('startRevision', description, `revision ${number}`).startRevision({
      name,
      number,
      description,
      waitForGpu,
    });
  }

  private smokeTest(number: number, description: RevisionDescription, endpoint: ServingEndpoint): Promise<SmokeReport> {
    const { name } = this.state;
    return this.activities('smokeTest', description, `revision ${number}`).smokeTest({
      name,
      number,
      description,
      endpoint,
    });
  }

  private stopRevision({ number, description }: Pick<DeployedRevision, 'number' | 'description'>): Promise<void> {
    const { name } = this.state;
    return this.activities('stopRevision', description, `revision ${number}`).stopRevision({ name, number });
  }

  private activities(
    option: 'startRevision' | 'smokeTest' | 'stopRevision' | 'superviseRevision',
    { host }: RevisionDescription,
    summary: string,
  ): ServeActivities {
    return proxyActivities<ServeActivities>({ ...activityOptions[option], taskQueue: serveTaskQueue(host), summary });
  }

  private publish(): void {
    const { name, status, currentNumber, endpoint, revisions } = this.state;
    setCurrentDetails(
      [
        `**${name}**: ${status}, revision ${currentNumber}`,
        ...(endpoint === null ? [] : ['', `gRPC \`${endpoint.grpcUrl}\`, HTTP \`${endpoint.httpUrl}\``]),
        '',
        '| revision | engine | gate | promoted | pipeline |',
        '|---|---|---|---|---|',
        ...[...revisions]
          .reverse()
          .map(
            ({ number, description, promotedAt }) =>
              `| ${number} | \`${description.engine.digest.slice(0, 12)}\` | ${description.gate.verdict} | ${promotedAt} | ${description.pipeline} |`,
          ),
      ].join('\n'),
    );
  }
}
