import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { parkedLines } from '../../src/cli/parked-text.js';
import { searchAttributes } from '../../src/contracts/search-attributes.js';
import type { Spec } from '../../src/contracts/spec.js';
import { specSchema } from '../../src/contracts/spec.js';
import { createEnginesmithClient } from '../../src/enginesmith-client.js';
import { startHubMirror } from '../../src/platform/hub-mirror/hub-mirror.js';
import { good, openHost } from '../activities/tool-host.js';
import { startPipelineOfRealSteps } from '../support/real-steps.js';
import { testAdmission } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';
import { tinySpec, writeTinyRepositories } from '../support/tiny-repositories.js';
import { until } from '../support/until.js';

/* A gated repository behind a Hub that asks for a token, a real Temporal server and the real activities. */

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;
let mirror: string;

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-parking-'));
  [{ environment, bundle }, { mirror }] = await Promise.all([startTemporal(), writeTinyRepositories(directory, 0)]);
  await writeFile(join(mirror, 'models/tiny/llama/hub.json'), JSON.stringify({ gated: true }));
});

afterAll(async () => {
  await environment.teardown();
  await rm(join(mirror, '..'), { recursive: true, force: true });
});

const RIGHT = 'hf_right';

async function startPipeline({ admits = true } = {}) {
  const hub = await startHubMirror({ directory: mirror, tokens: [RIGHT] });
  onTestFinished(() => hub.close());
  const spec: Spec = specSchema.parse(tinySpec('gated'));
  const tokens = await mkdtemp(join(tmpdir(), 'enginesmith-token-'));
  onTestFinished(() => rm(tokens, { recursive: true, force: true }));
  const tokenPath = join(tokens, 'token');
  const host = await openHost(good, { environment: { HF_ENDPOINT: hub.url, HF_TOKEN_PATH: tokenPath } });
  const pipeline = await startPipelineOfRealSteps({
    environment,
    bundle,
    dependencies: { ...host.dependencies, client: environment.client },
    real: ['model'],
    found: host.model,
    spec,
    ...(admits ? {} : { admitted: { ...testAdmission(spec), model: await pinOf(host) } }),
  });
  const { workflowId } = pipeline.handle;
  return {
    ...pipeline,
    hub,
    tokenPath,
    writeToken: (token: string) => writeFile(tokenPath, `${token}\n`),
    /** What waits, once something does whose reason matches. */
    parked: (reason: RegExp) =>
      until('parked pipeline', async () => {
        const { parked = [], phase } = await pipeline.progress();
        return parked.some((step) => reason.test(step.reason)) ? { parked, phase } : undefined;
      }),
    retry: () => createEnginesmithClient({ client: environment.client }).retry(workflowId),
    phaseAttribute: async () =>
      (await pipeline.handle.describe()).typedSearchAttributes.get(searchAttributes.pipelinePhase),
  };
}

/** The commit that the mirror has, asked with the token that admission had. */
async function pinOf({ dependencies }: Awaited<ReturnType<typeof openHost>>) {
  const { hub } = dependencies.configuration;
  const response = await fetch(`${hub.endpoint}/api/models/tiny/llama/revision/main`, {
    headers: { Authorization: `Bearer ${RIGHT}` },
  });
  const { sha } = (await response.json()) as { sha: string };
  return { repository: 'tiny/llama', commit: sha };
}

test('a pipeline that may not read its model waits for whoever accepts the licence, and goes on with a token', async () => {
  const { hub, tokenPath, writeToken, parked, retry, result, phaseAttribute, handle } = await startPipeline();
  const page = `${hub.url}/tiny/llama`;
  const first = await parked(/the worker has no HF_TOKEN/);
  expect(first).toMatchObject({ phase: 'parked', parked: [{ step: 'admit', page }] });
  expect(await phaseAttribute()).toBe('parked');
  const shown = parkedLines(handle.workflowId, first.parked).join('\n');
  expect(shown).toContain(`accept its licence at ${page}`);
  expect(shown).toContain(`write the token to ${tokenPath}`);
  expect(shown).toContain(`enginesmith retry ${handle.workflowId}`);

  await writeToken('hf_wrong');
  expect(await retry()).toHaveLength(1);
  await parked(/HF_TOKEN lacks the right/);

  await writeToken(RIGHT);
  await retry();
  const { verdict, steps } = await result();
  expect(verdict).toBe('REJECTED');
  expect(steps.find(({ name }) => name === 'model')).toMatchObject({ status: 'ran' });
  expect(await phaseAttribute()).toBe('rejected');
  expect(JSON.stringify((await handle.fetchHistory()).events)).not.toContain(RIGHT);
});

test('a download that is refused parks its step, and a cancellation ends the waiting', async () => {
  const { parked, progress, phaseAttribute, handle } = await startPipeline({ admits: false });
  const { phase, parked: waiting } = await parked(/access denied/);
  expect(waiting.map(({ step }) => step)).toEqual(['model']);
  expect(phase).toBe('parked');
  expect((await progress()).steps.find(({ name }) => name === 'model')).toMatchObject({ state: 'parked' });
  expect(await phaseAttribute()).toBe('parked');
  await handle.cancel();
  const failure = await handle.result().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  expect(failure).toMatchObject({ cause: expect.any(CancelledFailure) });
});

test('a step that is tried again is shown as running, as long as it takes', async () => {
  const { hub, writeToken, parked, progress, retry } = await startPipeline({ admits: false });
  await parked(/access denied/);
  await writeToken(RIGHT);
  // A Hub that does not answer is waited for.
  await hub.close();
  await retry();
  const state = async () => (await progress()).steps.find(({ name }) => name === 'model')?.state;
  await until('running download', async () => (await state()) === 'running' || undefined);
});

test('nothing is retried of a pipeline that does not wait', async () => {
  const { writeToken, parked, retry, result } = await startPipeline();
  await parked(/access denied/);
  await writeToken(RIGHT);
  await retry();
  await result();
  expect(await retry()).toEqual([]);
});
