import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { DeployedRevision, DeploymentState } from '../../src/contracts/deployment.js';
import { deploymentWorkflowId, emptyDeployment } from '../../src/contracts/deployment.js';
import { PIPELINE_WORKFLOW_TYPE } from '../../src/contracts/pipeline.js';
import { WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { createArtifactStore } from '../../src/platform/store/artifact-store.js';
import { enginesmith, temporaryDirectory } from '../cli/cli-fixture.js';
import { commitFiles, keyOf } from '../platform/store/store-fixture.js';
import { revision } from '../support/deployments.js';
import { testSpec } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  ({ environment, bundle } = await startTemporal());
});
afterAll(() => environment.teardown());

/** A home whose artifacts nobody has used for two days. */
async function openHome(...names: string[]) {
  const home = await temporaryDirectory();
  const store = createArtifactStore({ directory: join(home, 'store'), cacheDirectory: join(home, 'cache') });
  onTestFinished(() => store.close());
  const digests: Record<string, string> = {};
  for (const name of names) {
    const { reference } = await commitFiles(store, { 'rank0.engine': name }, { key: keyOf(name) });
    digests[name] = reference.digest;
  }
  const age = async (): Promise<void> => {
    const twoDaysAgo = new Date(Date.now() - 48 * 3_600_000);
    const folders = await readdir(join(home, 'store'), { recursive: true });
    for (const path of folders.filter((each) => /manifest\.json$|\/used$|^roots\/[^/]+$/.test(each))) {
      await utimes(join(home, 'store', path), twoDaysAgo, twoDaysAgo);
    }
  };
  const gc = () =>
    enginesmith(['artifacts', 'gc', '--keep-runs', '0', '--json'], {
      ENGINESMITH_HOME: home,
      ENGINESMITH_CACHE: join(home, 'cache'),
      TEMPORAL_ADDRESS: environment.address,
    });
  const left = async () => {
    const lies = (await readdir(join(home, 'store', 'artifacts'), { recursive: true })).join('\n');
    return names.filter((name) => lies.includes(digests[name] ?? ''));
  };
  return { store, digests, age, gc, left };
}

test('collection keeps what deployments and running pipelines need, and removes nothing while one does not answer', async () => {
  const { client, nativeConnection: connection } = environment;
  const { store, digests, age, gc, left } = await openHome('current', 'earlier', 'dropped', 'running', 'garbage');

  const deployed = (number: number, name: string): DeployedRevision => ({
    number,
    description: { ...revision, engine: { ...revision.engine, digest: digests[name] ?? '' } },
    smoke: { schema: 'enginesmith/smoke-report/v1' } as DeployedRevision['smoke'],
    promotedAt: new Date(0).toISOString(),
  });
  const state: DeploymentState = {
    ...emptyDeployment('chat'),
    ...{ lastNumber: 2, currentNumber: 2, status: 'stopped' },
    revisions: [deployed(1, 'earlier'), deployed(2, 'current')],
  };
  const deployment = await client.workflow.start('deployment', {
    workflowId: deploymentWorkflowId('chat'),
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [state],
  });
  // Nobody polls for its first activity: it runs for as long as the test lasts.
  const pipeline = await client.workflow.start(PIPELINE_WORKFLOW_TYPE, {
    workflowId: 'chat-1',
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [testSpec()],
  });
  const root = { key: keyOf('running'), digest: digests.running ?? '', workflowId: 'chat-1', namespace: 'default' };
  // Under the run id from before a reset: the workflow id is the one that runs.
  await store.recordRoot({ ...root, runId: 'before-a-reset' });
  await store.recordRoot({
    ...root,
    key: keyOf('dropped'),
    digest: digests.dropped ?? '',
    runId: 'over',
    workflowId: 'over',
  });
  await age();

  const refused = await gc();
  expect(refused.exitCode).toBe(4);
  expect(JSON.parse(refused.stdout).error.message).toContain('Nothing was removed');
  expect(await left()).toHaveLength(5);

  const worker = await Worker.create({ connection, taskQueue: WORKFLOW_TASK_QUEUE, workflowBundle: bundle });
  const running = worker.run();
  try {
    const collected = await gc();
    expect(collected).toMatchObject({ exitCode: 0 });
    expect(
      JSON.parse(collected.stdout)
        .removed.map(({ digest }: { digest: string }) => digest)
        .sort(),
    ).toEqual([digests.dropped, digests.garbage].sort());
    expect(await left()).toEqual(['current', 'earlier', 'running']);

    await Promise.all([deployment.terminate(), pipeline.terminate()]);
    expect((await gc()).exitCode).toBe(0);
    expect(await left()).toEqual([]);
  } finally {
    worker.shutdown();
    await running;
  }
});
