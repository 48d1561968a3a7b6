import { watch } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { PipelineResult } from '../../src/contracts/pipeline.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import { WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { type ArtifactWatcher, watchArtifacts } from '../support/artifact-watcher.js';
import { type ChaosEnvironment, startChaosEnvironment } from '../support/chaos-environment.js';
import { finishedActivities, pendingWork } from '../support/executions.js';
import { tinySpec } from '../support/tiny-repositories.js';
import { until } from '../support/until.js';

/** More than the sockets between a Hub and a worker hold, so that a Hub that dies in the middle takes some of it along. */
const LARGE_FILE_BYTES = 32 * 1024 * 1024;

let environment: ChaosEnvironment;
let watcher: ArtifactWatcher;

beforeAll(async () => {
  environment = await startChaosEnvironment({ largeFileBytes: LARGE_FILE_BYTES });
  watcher = watchArtifacts(environment.places.store);
});

afterAll(async () => {
  await watcher.end();
  await environment.dispose();
});

test('a Hub that is killed in a download, a worker that is killed while it commits it, and a Temporal server that is killed in builds and evaluations, cost nothing', async () => {
  const { client, hub, hubGate, temporal, toolchain } = environment;
  const held = hubGate.hold(/padding\.txt$/, 4_000_000);
  const openBuild = await toolchain.hold('trtllm-build', 'after');
  const openEvaluation = await toolchain.hold('summarize.py', 'before');
  await startPipeline('tiny-servers', tinySpec('servers'));

  await held.reached;
  await hub.kill();
  held.release();
  await until('the next request', async () => requestsOf('padding.txt').length > 1 || undefined);
  const committing = frozenInCommit('padding.txt');
  await hub.start();
  await committing;
  const requests = requestsOf('padding.txt').length;
  await killFrozenWorker('download');

  await untilHeld('trtllm-build');
  await temporal.kill();
  await openBuild();
  await until('the end of the builds', async () => (await unfinished('trtllm-build')) === 0 || undefined);
  await temporal.start();

  await untilHeld('summarize.py');
  await temporal.kill();
  await temporal.start();
  await openEvaluation();

  const result: PipelineResult = await client.workflow.result('tiny-servers');
  expect(result.verdict).toBe('DEPLOYED');
  // The bytes that had arrived were not asked for again, and the file is the one that the Hub has.
  expect(requestsOf('padding.txt')).toHaveLength(requests);
  const ranges = requestsOf('padding.txt').map(({ range }) => range);
  expect(ranges[0]).toBeUndefined();
  for (const range of ranges.slice(1))
    expect(Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1])).toBeGreaterThan(1_000_000);
  await expectEverythingOnce(['tiny-servers', 'deployment/servers']);
}, 300_000);

test('a worker that is killed while it commits an engine builds it no second time', async () => {
  const { client, toolchain } = environment;
  const openBuild = await toolchain.hold('trtllm-build', 'after');
  // Another limit is another engine, of the baseline too; the rest is there already.
  const spec = tinySpec('commit');
  await startPipeline('tiny-commit', { ...spec, build: { ...spec.build, maxBatchSize: 3 } });
  await untilHeld('trtllm-build');

  const committing = frozenInCommit('rank0.engine');
  await openBuild();
  await committing;
  await killFrozenWorker('build');

  const result: PipelineResult = await client.workflow.result('tiny-commit');
  expect(result.verdict).toBe('DEPLOYED');
  await expectEverythingOnce(['tiny-servers', 'tiny-commit', 'deployment/servers', 'deployment/commit']);
}, 300_000);

test('all that could be seen of the store was whole at every moment', async () => {
  const digests = await watcher.end();
  expect(watcher.faults).toEqual([]);
  expect(watcher.looks).toBeGreaterThan(50);
  const { files } = manifest.parse(await manifestWith('padding.txt', digests));
  expect(files.find(({ path }) => path === 'padding.txt')?.bytes).toBe(LARGE_FILE_BYTES);
});

/** Freezes the worker as soon as a file is staged: its artifact is not there yet. */
async function frozenInCommit(file: string): Promise<void> {
  const { places, worker } = environment;
  const staging = join(places.store, 'staging');
  await mkdir(staging, { recursive: true });
  await new Promise<void>((resolve) => {
    const watching = watch(staging, { recursive: true }, (_, name) => {
      if (!name?.endsWith(`/${file}`)) return;
      worker.freeze();
      watching.close();
      resolve();
    });
  });
}

async function killFrozenWorker(inTheMiddleOf: string): Promise<void> {
  const { client, worker } = environment;
  const { activities } = await pendingWork(client);
  expect(activities.filter(({ type, started }) => type === inTheMiddleOf && started)).not.toEqual([]);
  await worker.kill();
  await worker.start();
}

const manifest = z.object({ files: z.array(z.object({ path: z.string(), bytes: z.number() })) });

async function manifestWith(file: string, digests: readonly string[]): Promise<unknown> {
  for (const digest of digests) {
    const path = join(environment.places.store, 'artifacts', digest.slice(0, 2), digest, 'manifest.json');
    const text = await readFile(path, 'utf8');
    if (text.includes(file)) return JSON.parse(text);
  }
  throw new Error(`no artifact has ${file}`);
}

const startPipeline = (workflowId: string, spec: SpecInput) =>
  environment.client.workflow.start('quantizeBuildDeploy', {
    workflowId,
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [spec],
  });

const requestsOf = (file: string) => environment.hubGate.requests.filter(({ path }) => path.endsWith(file));

const unfinished = async (tool: string): Promise<number> =>
  (await environment.toolchain.runs()).filter(({ program, exit }) => program === tool && exit === undefined).length;

/** Candidate and baseline, where GPUs for both are free. */
const untilHeld = (tool: string) => until(`held ${tool}`, async () => (await unfinished(tool)) === 2 || undefined);

async function expectEverythingOnce(workflowIds: readonly string[]): Promise<void> {
  const runs = await environment.toolchain.runs();
  expect(runs.filter(({ exit }) => exit !== 0)).toEqual([]);
  expect(new Set(runs.map(({ program, argv }) => [program, ...argv].join(' '))).size).toBe(runs.length);
  for (const workflowId of workflowIds) {
    const finished = await finishedActivities(environment.client, workflowId);
    const repeated = finished.filter(({ type, completions }) => type !== 'superviseRevision' && completions !== 1);
    expect(repeated, workflowId).toEqual([]);
  }
}
