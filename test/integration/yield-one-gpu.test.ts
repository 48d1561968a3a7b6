import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineResult } from '../../src/contracts/pipeline.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import { createEnginesmithClient, type EnginesmithClient } from '../../src/enginesmith-client.js';
import { createGpuLeases } from '../../src/platform/gpu-leases.js';
import { askOnce } from '../support/asking-client.js';
import { type ChaosEnvironment, startChaosEnvironment } from '../support/chaos-environment.js';
import { tinySpec } from '../support/tiny-repositories.js';
import { until } from '../support/until.js';

/* A host with one virtual device, from which a real Triton serves; real pipelines of its name need that device. */

let environment: ChaosEnvironment;
let enginesmith: EnginesmithClient;
let edits = 2;

beforeAll(async () => {
  environment = await startChaosEnvironment({ devices: 1 });
  enginesmith = createEnginesmithClient({ client: environment.client });
  const { workflowId, runId } = await enginesmith.start(tinySpec('tiny'));
  expect(await enginesmith.result(workflowId, runId)).toMatchObject({ verdict: 'DEPLOYED' });
}, 300_000);

afterAll(() => environment?.dispose(), 60_000);

/** Another engine of the name, which the deployment is to yield for. */
function edited(change: (spec: SpecInput) => void = () => {}): SpecInput {
  const spec = tinySpec('tiny');
  spec.rollout = { whenBusy: 'yield' };
  spec.build = { ...spec.build, maxBatchSize: ++edits };
  change(spec);
  return spec;
}

const state = () => enginesmith.deployment('tiny');

async function holders(): Promise<string[]> {
  const { leases: directory } = environment.places;
  const listed = await createGpuLeases({ directory, devices: [], isHolderActive: async () => true }).list();
  return listed.map(({ holder }) => holder);
}

/** Starts a pipeline, and has it wait in the middle of its build, which has the only device. */
async function startAndHoldBuild(spec: SpecInput) {
  const { toolchain } = environment;
  const letGo = await toolchain.hold('trtllm-build', 'before');
  const before = (await toolchain.runs()).length;
  const { workflowId, runId } = await enginesmith.start(spec);
  const build = await until('build', async () =>
    (await toolchain.runs()).slice(before).find(({ program, held }) => program === 'trtllm-build' && held),
  );
  expect(build.devices).toHaveLength(1);
  expect(await state()).toMatchObject({
    status: 'yielded',
    endpoint: null,
    yielded: { to: [{ pipeline: workflowId, runId }] },
  });
  const [holder, ...others] = await holders();
  expect(holder).toMatch(/^build-/);
  expect(others).toEqual([]);
  return { workflowId, runId, letGo };
}

/** Waits until a revision serves from the device, and asks it. */
async function answers(revision: number): Promise<void> {
  const endpoint = await until(`revision ${revision}`, async () => {
    const { status, endpoint: serving } = await state();
    return status === 'serving' && serving?.revision === revision ? serving : undefined;
  });
  expect(await askOnce(endpoint.grpcUrl)).not.toBe('');
  expect(await holders()).toEqual([`triton-tiny-${revision}`]);
}

test('a pipeline that is terminated in the middle of its build brings the deployment back', async () => {
  const { workflowId, runId, letGo } = await startAndHoldBuild(edited());
  await environment.client.workflow.getHandle(workflowId, runId).terminate();
  await answers(1);
  await letGo();
});

test('a pipeline that its gate does not pass has built and evaluated, and the same revision serves again', async () => {
  const { workflowId, runId, letGo } = await startAndHoldBuild(
    edited(({ gate }) => Object.assign(gate, { limits: { top1Agreement: 0.9999 } })),
  );
  await letGo();
  const result: PipelineResult = await enginesmith.result(workflowId, runId);
  expect(result.verdict).not.toBe('DEPLOYED');
  expect(result.steps.find(({ name }) => name === 'engine')).toMatchObject({ status: 'ran' });
  await answers(1);
});

test('workers and a Temporal server that are killed while it has yielded cost nothing', async () => {
  const { workflowId, runId, letGo } = await startAndHoldBuild(edited());
  const { worker, orchestrator, temporal } = environment;
  await Promise.all([worker.kill(), orchestrator.kill()]);
  await temporal.kill();
  await temporal.start();
  expect(await environment.client.workflow.getHandle(workflowId, runId).describe()).toMatchObject({
    status: { name: 'RUNNING' },
  });
  await environment.client.workflow.getHandle(workflowId, runId).terminate();
  await letGo();
  await Promise.all([worker.start(), orchestrator.start()]);
  await answers(1);
});

test('a deployment that has yielded to a pipeline that promotes serves the new revision', async () => {
  const { workflowId, runId, letGo } = await startAndHoldBuild(edited());
  await letGo();
  const { verdict, deployment } = await enginesmith.result(workflowId, runId);
  expect(verdict).toBe('DEPLOYED');
  const { revision } = deployment ?? { revision: 0 };
  expect(revision).toBeGreaterThan(1);
  await answers(revision);
  expect((await state()).yielded).toBeUndefined();
});

test('one that is stopped while it has yielded stays stopped when the pipeline ends', async () => {
  const { workflowId, runId, letGo } = await startAndHoldBuild(edited());
  expect(await enginesmith.stop('tiny')).toMatchObject({ status: 'stopped' });
  await letGo();
  await enginesmith.cancel(workflowId);
  await enginesmith.result(workflowId, runId).catch(() => undefined);
  await until('a free device', async () => (await holders()).length === 0 || undefined);
  expect(await state()).toMatchObject({ status: 'stopped', endpoint: null });
});
