import {
  CancellationScope,
  getExternalWorkflowHandle,
  log,
  patched,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { PipelineActivities, StepActivities } from '../contracts/activities.js';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import type { ArtifactReference } from '../contracts/artifacts.js';
import { deploymentWorkflowId, type PromoteOutcome, type RevisionDescription } from '../contracts/deployment.js';
import type { GateSummary } from '../contracts/pipeline.js';
import type { Resumption } from '../contracts/resumption.js';
import type { SpecInput } from '../contracts/spec.js';
import type { StepActivityName, StepId, StepInputs, StepOutcome, StepReport, StepRequest } from '../contracts/steps.js';
import { CPU_TASK_QUEUE } from '../contracts/task-queues.js';
import { activityOptions } from './activity-options.js';
import { progressQuery, retrySignal, withdrawSignal } from './messages.js';
import { Parking } from './parking.js';
import { Progress } from './progress.js';
import { Remaking } from './remaking.js';
import { withRemedies } from './remedies.js';

/** Since then an artifact that turns out to be corrupt is made again; pipelines that replay older histories ended there. */
const REMAKES = '2026-11-corrupt-artifact-is-remade';

/** Since then a step whose input was replaced while it read it reads the new one; before, what it had made counted. */
const READS_AGAIN = '2026-11-replaced-input-is-read-again';

/** Since then a promotion whose activity fails is withdrawn by the pipeline itself as well. */
const WITHDRAWALS = '2026-11-failed-promotion-is-withdrawn';

/** Options of each step activity; everything that leases a GPU may wait as long for one as for another. */
const stepOptions: Record<StepActivityName, keyof typeof activityOptions> = {
  download: 'download',
  quantize: 'gpuStep',
  convert: 'convert',
  build: 'gpuStep',
  sliceDataset: 'gate',
  evaluate: 'gpuStep',
  compareEngines: 'gpuStep',
  gate: 'gate',
  describeServing: 'gate',
};

/** What the pipeline's workflow is written in: each method is one durable step, and shows itself as it goes. */
export class Pipeline {
  readonly steps: StepReport[] = [];
  private readonly remaking = new Remaking(
    () => patched(REMAKES),
    () => patched(READS_AGAIN),
  );
  /** How often it has asked for its promotion: what was refused once is not asked for again, but anew. */
  private promotions = 0;

  private constructor(
    readonly admitted: AdmittedSpec,
    private readonly progress: Progress,
    private readonly parking: Parking,
  ) {}

  /** Parses and pins the spec: nothing after it floats. */
  static async admit(input: SpecInput, resumption?: Resumption): Promise<Pipeline> {
    const progress = new Progress();
    const parking = new Parking((parked) => progress.park(parked));
    setHandler(progressQuery, () => progress.describe());
    setHandler(retrySignal, () => parking.retry(), { description: 'Tries again what waits for a person.' });
    progress.enterPhase('admit');
    const { admit } = proxyActivities<PipelineActivities>({
      ...activityOptions.admit,
      taskQueue: CPU_TASK_QUEUE,
      summary: 'parse the spec, pin every revision',
    });
    const admitted = await parking.untilAllowed('admit', () =>
      resumption === undefined ? admit(input) : admit(input, resumption),
    );
    progress.admit(admitted);
    return new Pipeline(admitted, progress, parking);
  }

  enterPhase(phase: string): void {
    this.progress.enterPhase(phase);
  }

  /** Makes an artifact, or finds it: only a miss waits for the step's own queue. */
  async make(
    step: StepId,
    activity: Exclude<StepActivityName, 'gate'>,
    inputs: StepInputs,
  ): Promise<ArtifactReference> {
    const { admitted, progress, remaking } = this;
    const artifact = await this.tracked(step, () =>
      remaking.withWhole(inputs, (whole) =>
        withRemedies(
          { admitted, step, inputs: whole },
          (request) => this.find(request, activity),
          (remedy) => progress.remedy(step, remedy),
        ),
      ),
    );
    remaking.madeBy(artifact.digest, () => {
      progress.remedy(step, { name: 'remade', kind: 'execution', after: 'ArtifactCorrupt', change: 'made again' });
      return this.make(step, activity, inputs);
    });
    return artifact;
  }

  private async find(request: StepRequest, activity: Exclude<StepActivityName, 'gate'>): Promise<StepOutcome> {
    const { progress } = this;
    const { step } = request;
    progress.update(step, 'locating');
    const { locate } = proxyActivities<PipelineActivities>({
      ...activityOptions.locate,
      taskQueue: CPU_TASK_QUEUE,
      summary: `find ${step}`,
    });
    const { key, queue, artifact } = await locate(request);
    if (artifact !== null) return { key, artifact, status: 'reused' };
    progress.update(step, 'running', { key });
    const run = () => this.stepActivities(step, activity, queue)[activity](request);
    // Tools get no token: what they are refused is none of the worker's.
    return activity === 'download' ? this.parking.untilAllowed(step, run) : run();
  }

  /** Decides on all that was seen by a look. A verdict that the store has is read, not computed again. */
  async gate(look: number, inputs: StepInputs): Promise<{ evidence: ArtifactReference; summary: GateSummary }> {
    const { admitted } = this;
    const step: StepId = `gate-${look}`;
    let summary: GateSummary | undefined;
    const evidence = await this.tracked(step, async () => {
      this.progress.update(step, 'running');
      const outcome = await this.remaking.withWhole(inputs, (whole) =>
        this.stepActivities(step, 'gate', CPU_TASK_QUEUE).gate({ admitted, step, inputs: whole }),
      );
      summary = outcome.summary;
      return outcome;
    });
    if (summary === undefined) throw new Error('the gate returned no summary');
    this.progress.decide(summary);
    return { evidence, summary };
  }

  /** Hands the revision to its deployment, which smoke-tests it before it takes the name. */
  async promote(
    made: Pick<RevisionDescription, 'servingParameters' | 'engine' | 'model' | 'evidence' | 'gate' | 'servedGate'>,
  ): Promise<PromoteOutcome> {
    const { spec, toolchain, worldSize, servingHost, expectedRevision } = this.admitted;
    const { remaking } = this;
    const described = {
      ...made,
      toolchain,
      gpuClass: spec.gpuClass,
      worldSize,
      host: servingHost,
      smoke: spec.smoke,
      pipeline: workflowInfo().workflowId,
    };
    this.progress.update('promote', 'running');
    const { promote } = proxyActivities<PipelineActivities>({
      ...activityOptions.promote,
      taskQueue: CPU_TASK_QUEUE,
      summary: `to deployment/${spec.name} on ${servingHost}`,
    });
    const { servedGate } = made;
    const used = {
      engine: made.engine.digest,
      model: made.model.digest,
      parameters: made.servingParameters.digest,
      evaluation: servedGate?.evaluation.digest,
      shard: servedGate?.shard.digest,
    };
    try {
      const outcome = await remaking.withWhole(used, () => {
        const revision = {
          ...described,
          engine: remaking.current(made.engine),
          model: remaking.current(made.model),
          servingParameters: remaking.current(made.servingParameters),
          ...(servedGate && {
            servedGate: {
              ...servedGate,
              evaluation: remaking.current(servedGate.evaluation),
              shard: remaking.current(servedGate.shard),
            },
          }),
        };
        this.promotions += 1;
        return promote({ promotion: this.promotionId(), name: spec.name, revision, expectedRevision });
      });
      this.progress.update('promote', 'ran');
      return outcome;
    } catch (failure) {
      this.progress.end('promote', failure);
      if (patched(WITHDRAWALS)) await CancellationScope.nonCancellable(() => this.withdrawPromotion());
      throw failure;
    }
  }

  /**
   * Whoever sent the promotion withdraws it when it is cancelled; but it may have been killed, or cut off from Temporal, and then
   * a deployment would take a name for a pipeline that has ended. A promotion that is over, or never came, is not affected.
   */
  private async withdrawPromotion(): Promise<void> {
    const deployment = getExternalWorkflowHandle(deploymentWorkflowId(this.admitted.spec.name));
    try {
      await deployment.signal(withdrawSignal, this.promotionId());
    } catch (failure) {
      log.info('no deployment has a promotion to withdraw', { failure: `${failure}` });
    }
  }

  /** Of the promotion that was asked for last. */
  private promotionId(): string {
    const { runId } = workflowInfo();
    return this.promotions <= 1 ? runId : `${runId}/${this.promotions}`;
  }

  private stepActivities(step: StepId, activity: StepActivityName, taskQueue: string): StepActivities {
    return proxyActivities<StepActivities>({
      ...activityOptions[stepOptions[activity]],
      taskQueue,
      summary: step,
    });
  }

  private async tracked(step: StepId, run: () => Promise<StepOutcome>): Promise<ArtifactReference> {
    try {
      const { key, artifact, status } = await run();
      this.progress.update(step, status, { key, digest: artifact.digest });
      const earlier = this.steps.findIndex(({ name }) => name === step);
      if (earlier >= 0) this.steps.splice(earlier, 1);
      this.steps.push({
        name: step,
        status,
        key,
        digest: artifact.digest,
        bytes: artifact.bytes,
        durationMs: this.progress.durationMs(step),
        ...this.progress.remediesOf(step),
      });
      return artifact;
    } catch (failure) {
      this.progress.end(step, failure);
      throw failure;
    }
  }
}
