import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAdmit } from '../../src/activities/admit.js';
import { createActivityDependencies } from '../../src/activities/create-dependencies.js';
import { createActivityInterceptor } from '../../src/activities/interceptor.js';
import { rootFailure } from '../../src/cli/temporal-errors.js';
import { PIPELINE_WORKFLOW_TYPE } from '../../src/contracts/pipeline.js';
import { CPU_TASK_QUEUE, WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { readConfiguration } from '../../src/platform/config.js';
import { enginesmith, specFile, temporaryDirectory } from '../cli/cli-fixture.js';
import { type FaultHub, startFaultHub } from '../platform/hub/fault-hub.js';
import { installation } from '../support/product.js';
import { testSpec } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;
let hub: FaultHub;
/** Whether the Hub's repository is gated, for this test. */
let gated = false;

beforeAll(async () => {
  ({ environment, bundle } = await startTemporal());
  hub = await startFaultHub({
    files: {
      'config.json': Buffer.from(JSON.stringify({ architectures: ['BertModel'] })),
      'model.safetensors': Buffer.from('x'),
    },
    answerApi: (_, response) => {
      if (gated) response.writeHead(401, { 'X-Error-Code': 'GatedRepo' }).end();
      return gated;
    },
  });
});

beforeEach(() => {
  gated = false;
});

afterAll(async () => {
  await hub.close();
  await environment.teardown();
});

const pipelines = async (): Promise<number> =>
  (await environment.client.workflow.count(`WorkflowType = '${PIPELINE_WORKFLOW_TYPE}'`)).count;

/** Starts the workflow as another client would, and waits for its end with a worker that only admits. */
async function outcomeOf(...input: unknown[]): Promise<{ type: string; message: string; attempts: number }> {
  const { client, nativeConnection: connection } = environment;
  const home = await temporaryDirectory();
  const dependencies = await createActivityDependencies({
    configuration: readConfiguration({
      ENGINESMITH_HOME: home,
      ENGINESMITH_CACHE: home,
      ENGINESMITH_TOOLCHAIN_ROOT: installation.toolchainRoot,
      HF_ENDPOINT: hub.url,
    }),
    client,
    logger: pino({ level: 'silent' }),
  });
  let attempts = 0;
  const admit = createAdmit(dependencies);
  const workers = await Promise.all([
    Worker.create({ connection, taskQueue: WORKFLOW_TASK_QUEUE, workflowBundle: bundle }),
    Worker.create({
      connection,
      taskQueue: CPU_TASK_QUEUE,
      activities: {
        admit: (...received: Parameters<typeof admit>) => {
          attempts += 1;
          return admit(...received);
        },
      },
      interceptors: { activity: [(context) => ({ inbound: createActivityInterceptor(context) })] },
    }),
  ]);
  const running = workers.map((worker) => worker.run());
  try {
    const workflowId = `bad-input-${crypto.randomUUID()}`;
    const failure: unknown = await client.workflow
      .execute(PIPELINE_WORKFLOW_TYPE, { workflowId, taskQueue: WORKFLOW_TASK_QUEUE, args: input })
      .catch((error: unknown) => error);
    return { ...rootFailure(failure), attempts };
  } finally {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await dependencies.store.close();
  }
}

describe('a pipeline that was started past the CLI', () => {
  test.each<[string, unknown[], RegExp]>([
    ['no input', [], /^the workflow's argument is not a valid spec:\n {2}spec: is required/],
    ['a text', ['spec.yaml'], /spec: Invalid input: expected object, received string/],
    ['bytes', [new Uint8Array([0, 255])], /is not a valid spec/],
    ['a misspelt key', [{ ...testSpec(), quantisation: {} }], /did you mean "quantization"/],
    ['numbers that do not fit', [{ ...testSpec(), gpuClass: 'sm90' }], /gpuClass: "sm90" is none/],
  ])('with %s fails as a bad spec, at once', async (_, input, said) => {
    const { type, message, attempts } = await outcomeOf(...input);
    expect({ type, attempts }).toEqual({ type: 'InvalidSpec', attempts: 1 });
    expect(message).toMatch(said);
  });

  test('for a model that the toolchain does not have fails before anything is downloaded', async () => {
    const { type, message, attempts } = await outcomeOf(testSpec());
    expect({ type, attempts }).toEqual({ type: 'UnsupportedModel', attempts: 1 });
    expect(message).toContain('is a BertModel');
    expect(hub.fileRequests.map(({ url = '' }) => url.split('/').at(-1))).not.toContain('model.safetensors');
  });
});

describe('enginesmith run', () => {
  const run = async (endpoint: string, ...options: string[]) => {
    const file = await specFile(JSON.stringify(testSpec()));
    return enginesmith(['run', '--detach', ...options, file], {
      TEMPORAL_ADDRESS: environment.address,
      HF_ENDPOINT: endpoint,
    });
  };

  const idIn = (stdout: string): string => stdout.split('\n')[0] ?? '';

  test('exits 2 for a model that cannot be used, and starts nothing', async () => {
    const before = await pipelines();
    const { exitCode, stderr } = await run(hub.url);
    expect({ exitCode, started: (await pipelines()) - before }).toEqual({ exitCode: 2, started: 0 });
    expect(stderr).toContain('model: is a BertModel');
    expect(stderr).not.toContain('    at ');
  });

  test('exits 2 for a gated model without a token, and says what to do', async () => {
    gated = true;
    const { exitCode, stderr } = await run(hub.url);
    expect(exitCode).toBe(2);
    expect(stderr.replaceAll(/\n\s*/g, ' ')).toMatch(/accept its licence at http.* set HF_TOKEN/);
  });

  test('starts with one note where the Hub cannot be reached from here, and then attaches without asking it', async () => {
    const first = await run('http://127.0.0.1:9');
    expect(first.exitCode).toBe(0);
    expect(first.stderr).toBe('note: http://127.0.0.1:9 cannot be reached from here; the workers check it.');
    const again = await run(hub.url);
    const workflowId = idIn(first.stdout);
    expect({ exitCode: again.exitCode, workflowId: idIn(again.stdout) }).toEqual({ exitCode: 0, workflowId });
    await environment.client.workflow.getHandle(workflowId).terminate();
  });

  test('leaves the question to the workers when it is told to', async () => {
    const { exitCode, stdout } = await run(hub.url, '--skip-hub-check');
    expect(exitCode).toBe(0);
    await environment.client.workflow.getHandle(idIn(stdout)).terminate();
  });
});
