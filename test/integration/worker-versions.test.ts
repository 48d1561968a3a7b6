import { fileURLToPath } from 'node:url';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineActivities } from '../../src/contracts/activities.js';
import {
  DEPLOYMENT_WORKFLOW_TYPE,
  type DeploymentState,
  deploymentMessages,
  deploymentWorkflowId,
  emptyDeployment,
} from '../../src/contracts/deployment.js';
import { PIPELINE_WORKFLOW_TYPE } from '../../src/contracts/pipeline.js';
import { CPU_TASK_QUEUE, WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { readConfiguration } from '../../src/platform/config.js';
import { workflowWorkerOptions } from '../../src/platform/worker-versioning.js';
import { testAdmission, testSpec } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';
import { until } from '../support/until.js';

const workflowsPath = fileURLToPath(new URL('../../src/workflows', import.meta.url));

let environment: TestWorkflowEnvironment;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  ({ environment } = await startTemporal());
});

afterAll(async () => {
  await Promise.all(stops.map((stop) => stop()));
  await environment.teardown();
});

async function runWorker(create: (connection: NativeConnection) => Promise<Worker>): Promise<() => Promise<void>> {
  // Two workers of one queue want connections of their own.
  const connection = await NativeConnection.connect({ address: environment.address });
  const worker = await create(connection);
  const running = worker.run();
  const end = async (): Promise<void> => {
    worker.shutdown();
    await running;
    await connection.close();
  };
  let ended: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    ended ??= end();
    return ended;
  };
  stops.push(stop);
  return stop;
}

const orchestrator = (buildId: string) =>
  runWorker(async (connection) => {
    const configuration = readConfiguration({ ENGINESMITH_BUILD_ID: buildId });
    const options = await workflowWorkerOptions(configuration, { workflowsPath });
    return Worker.create({ connection, taskQueue: WORKFLOW_TASK_QUEUE, ...options });
  });

/** As `temporal worker deployment set-current-version` does, as soon as the build has shown itself. */
const makeCurrent = (buildId: string) =>
  until(`build ${buildId}`, async () => {
    await environment.client.workflowService.setWorkerDeploymentCurrentVersion({
      namespace: 'default',
      deploymentName: 'enginesmith',
      buildId,
      identity: 'test',
    });
    return true;
  });

const buildOf = async (workflowId: string): Promise<string | null | undefined> => {
  const { raw } = await environment.client.workflow.getHandle(workflowId).describe();
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
};

/** Builds whose workers took a workflow's tasks, in order. */
async function buildsIn(workflowId: string): Promise<string[]> {
  const { events } = await environment.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: done }) =>
    done ? [done.deploymentVersion?.buildId ?? 'none'] : [],
  );
}

test('a pipeline ends on the build that it began on, new ones begin on the new build, and a deployment goes over to it', async () => {
  const { client } = environment;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const activities: Partial<PipelineActivities> = {
    // Which of the two is asked for is known by its name alone.
    admit: async (input) => {
      if (input.name === 'long') await released;
      return testAdmission(testSpec());
    },
    locate: async () => {
      throw Object.assign(new Error('the end of this test'), { name: 'TestEnds' });
    },
  };
  await runWorker((connection) => Worker.create({ connection, taskQueue: CPU_TASK_QUEUE, activities }));
  const start = async (name: string): Promise<string> => {
    const options = {
      workflowId: name,
      taskQueue: WORKFLOW_TASK_QUEUE,
      args: [testSpec((input) => Object.assign(input, { name }))],
    };
    await client.workflow.start(PIPELINE_WORKFLOW_TYPE, options);
    return name;
  };

  const stopA = await orchestrator('a');
  await makeCurrent('a');
  const long = await start('long');
  const name = 'served';
  await client.workflow.start(DEPLOYMENT_WORKFLOW_TYPE, {
    workflowId: deploymentWorkflowId(name),
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [emptyDeployment(name)],
  });
  await until('both on build a', async () => {
    const builds = await Promise.all([buildOf(long), buildOf(deploymentWorkflowId(name))]);
    return builds.every((build) => build === 'a') || undefined;
  });

  await orchestrator('b');
  await makeCurrent('b');
  const short = await start('short');
  await until('a new one on build b', async () => (await buildOf(short)) === 'b' || undefined);
  release();
  await until('the end of the long one', async () => (await buildsIn(long)).length > 1 || undefined);
  expect(new Set(await buildsIn(long))).toEqual(new Set(['a']));
  expect(new Set(await buildsIn(short))).toEqual(new Set(['b']));

  // Build a has drained when its pipelines have ended; the deployment does not hold it.
  for (const id of [long, short]) await client.workflow.getHandle(id).terminate();
  await stopA();
  await client.workflow.getHandle(deploymentWorkflowId(name)).executeUpdate(deploymentMessages.stop);
  expect((await buildsIn(deploymentWorkflowId(name))).at(-1)).toBe('b');
  const state = await client.workflow
    .getHandle(deploymentWorkflowId(name))
    .query<DeploymentState>(deploymentMessages.describe);
  expect(state.name).toBe(name);
});

test('a worker without a build id is not versioned', async () => {
  expect(await workflowWorkerOptions(readConfiguration({}), { workflowsPath })).toEqual({ workflowsPath });
});
