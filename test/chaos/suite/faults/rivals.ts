import type { PipelineResult } from '../../../../src/contracts/pipeline.js';
import type { SpecInput } from '../../../../src/contracts/spec.js';
import { WORKFLOW_TASK_QUEUE } from '../../../../src/contracts/task-queues.js';
import { isSame } from '../../../support/catch-activities.js';
import { finishedActivities, type PendingActivity, pendingWork } from '../../../support/executions.js';
import { tinySpec } from '../../../support/tiny-repositories.js';
import { until } from '../../../support/until.js';
import { arrest } from '../arrest.js';
import { type Fault, type FaultContext, secondsSince } from '../fault.js';

const RIVAL = 'rival';

/** Two pipelines on two hosts want the same artifact: one makes it, the other one waits for it and takes it. */
export const oneArtifact: Fault = {
  async inject(context) {
    const { client } = context.environment;
    const second = context.environment.addWorker('second-host', { roles: 'cpu,gpu,serve', host: 'second' });
    await second.start();
    const { release } = await arrest(context);
    await startRival(context, tinySpec(RIVAL));
    const waits = async () =>
      (await pendingWork(client)).activities.filter(
        ({ workflowId, type, lastFailure }) =>
          workflowId === RIVAL && type === context.step && lastFailure?.type === 'ClaimHeld',
      );
    await until('a rival that waits', async () => (await waits()).length > 0 || undefined);
    const atMs = Date.now();
    // Its looks take milliseconds: what shows them is that it waits for one more. Others of its steps may wait a moment as well.
    const seen: PendingActivity[] = [];
    const waiting = await until('its next look', async () => {
      const now = await waits();
      seen.push(...now.filter((activity) => !seen.some((earlier) => isSame(activity, earlier))));
      return seen.find((earlier) => now.some((later) => isSame(later, earlier) && later.attempt > earlier.attempt));
    });
    const recoverySeconds = secondsSince(atMs);
    await release();
    const result: PipelineResult = await client.workflow.result(RIVAL);
    const reused = result.steps.filter(({ status }) => status === 'reused').length;
    return {
      // Either host may serve.
      dismiss: () => second.end(),
      recoverySeconds,
      problems: result.verdict === 'DEPLOYED' ? [] : [`the rival ended ${result.verdict}`],
      proof: async () =>
        `attempt ${waiting.attempt} at ${context.step} of the rival after ${waiting.lastFailure?.type}; it reused ${reused} artifacts`,
    };
  },
};

/** Two workers and two pipelines on a host with fewer GPUs than they want: none is given to two at once. */
export const oneGpu: Fault = {
  // One stays with the first deployment.
  environment: { devices: 2 },
  async inject(context) {
    const { client, toolchain } = context.environment;
    const second = context.environment.addWorker('second-worker', { roles: 'cpu,gpu,serve' });
    await second.start();
    const { release } = await arrest(context);
    const atMs = Date.now();
    // Another limit is another engine.
    const spec = tinySpec(RIVAL);
    await startRival(context, { ...spec, build: { ...spec.build, maxBatchSize: 3 } });
    await release();
    const results = (await Promise.all(
      [context.workflowId, RIVAL].map((workflowId) => client.workflow.result(workflowId)),
    )) as PipelineResult[];
    const runs = (await toolchain.runs()).filter(
      ({ devices, endedAtMs }) => devices.length > 0 && endedAtMs !== undefined,
    );
    const doubled = runs.flatMap((run, index) =>
      runs
        .slice(index + 1)
        .filter(
          (other) =>
            other.devices.some((device) => run.devices.includes(device)) &&
            other.startedAtMs < (run.endedAtMs ?? 0) &&
            run.startedAtMs < (other.endedAtMs ?? 0),
        )
        .map((other) => `${run.program} and ${other.program} had GPU ${run.devices} at once`),
    );
    return {
      dismiss: () => second.end(),
      recoverySeconds: secondsSince(atMs, atMs),
      problems: [
        ...doubled,
        ...results.filter(({ verdict }) => verdict !== 'DEPLOYED').map(({ verdict }) => `one ended ${verdict}`),
      ],
      proof: async () => {
        const finished = await Promise.all(
          [context.workflowId, RIVAL].map((workflowId) => finishedActivities(client, workflowId)),
        );
        const waited = finished.flat().filter(({ lastFailure }) => lastFailure?.type === 'NoFreeGpu');
        const shown = waited.map(({ workflowId, type, attempt }) => `${type} of ${workflowId} attempt ${attempt}`);
        return shown.length === 0 ? null : `${shown.join(', ')} after NoFreeGpu`;
      },
    };
  },
};

const startRival = ({ environment: { client } }: FaultContext, spec: SpecInput) =>
  client.workflow.start('quantizeBuildDeploy', { workflowId: RIVAL, taskQueue: WORKFLOW_TASK_QUEUE, args: [spec] });
