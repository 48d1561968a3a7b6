import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { PipelineResult } from '../../src/contracts/pipeline.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import { WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { createEnginesmithClient } from '../../src/enginesmith-client.js';
import { listDigests } from '../../src/platform/store/inventory.js';
import { storeLayout } from '../../src/platform/store/layout.js';
import { openBucket } from '../platform/store/remote/remote-fixture.js';
import { startChaosEnvironment } from '../support/chaos-environment.js';
import { tinySpec } from '../support/tiny-repositories.js';

const NAME = 'bucket';

const digestOf = ({ steps }: PipelineResult, step: string): string =>
  steps.find(({ name }) => name === step)?.digest ?? '';

const statusOf = ({ steps }: PipelineResult): Record<string, string> =>
  Object.fromEntries(steps.map(({ name, status }) => [name, status]));

test('hosts that share nothing but a bucket download, build and serve; a new one builds on what another has made', async () => {
  const { openWay } = await openBucket();
  const { variables } = await openWay();
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' };
  const environment = await startChaosEnvironment({
    roles: 'cpu',
    workerVariables: () => ({ ...credentials, ...variables }),
  });
  const { client, home, addWorker, toolchain } = environment;

  const addHost = async (host: string, roles: string) => {
    const own = join(dirname(home), host);
    const worker = addWorker(host, { roles, host, home: own });
    await worker.start();
    const has = async (digest: string) => (await listDigests(storeLayout(join(own, 'store')))).includes(digest);
    return { worker, has };
  };
  const run = (workflowId: string, spec: SpecInput): Promise<PipelineResult> =>
    client.workflow.execute('quantizeBuildDeploy', { workflowId, taskQueue: WORKFLOW_TASK_QUEUE, args: [spec] });
  const checkpoints = async (): Promise<number> =>
    (await toolchain.runs()).filter(({ program }) => /quantize|convert_checkpoint/.test(program)).length;

  try {
    const [builder, server] = await Promise.all([addHost('builder', 'gpu'), addHost('server', 'serve')]);
    const spec = { ...tinySpec(NAME), serving: { host: 'server' } };
    const first = await run('first', spec);
    expect(first.verdict).toBe('DEPLOYED');
    expect(await server.has(digestOf(first, 'engine')), 'the engine on the host that serves it').toBe(true);
    expect(await server.has(digestOf(first, 'checkpoint')), 'a checkpoint on the host that serves').toBe(false);

    await builder.worker.end();
    const made = await checkpoints();
    const second = await addHost('second-builder', 'gpu');
    const wider = await run('second', { ...spec, build: { ...spec.build, maxBatchSize: 3 } });
    expect(wider.verdict).toBe('DEPLOYED');
    expect(statusOf(wider)).toMatchObject({ model: 'reused', checkpoint: 'reused', engine: 'ran' });
    expect(await checkpoints(), 'checkpoints that were made anew').toBe(made);
    expect(await second.has(digestOf(first, 'checkpoint')), 'the checkpoint on the host that built on it').toBe(true);
  } finally {
    await createEnginesmithClient({ client })
      .stop(NAME)
      .catch(() => {});
    await environment.dispose();
  }
}, 300_000);
