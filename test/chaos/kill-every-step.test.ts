import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineResult } from '../../src/contracts/pipeline.js';
import { WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { createGpuLeases } from '../../src/platform/gpu-leases.js';
import { type ArtifactWatcher, watchArtifacts } from '../support/artifact-watcher.js';
import { type ChaosEnvironment, startChaosEnvironment } from '../support/chaos-environment.js';
import { type FinishedActivity, finishedActivities, type PendingActivity } from '../support/executions.js';
import { killInEveryActivity } from '../support/kill-in-every-activity.js';
import { processesNaming } from '../support/processes.js';
import { tinySpec } from '../support/tiny-repositories.js';

const pipeline = 'tiny-killed';
let environment: ChaosEnvironment;
let watcher: ArtifactWatcher;

beforeAll(async () => {
  environment = await startChaosEnvironment();
  watcher = watchArtifacts(environment.places.store);
});

afterAll(async () => {
  await watcher.end();
  await environment.dispose();
});

test('a worker that is killed in the middle of every activity of a pipeline costs nothing that was done', async () => {
  const { client, places, toolchain, hubGate } = environment;
  const start = { workflowId: pipeline, taskQueue: WORKFLOW_TASK_QUEUE, args: [tinySpec('tiny')] };
  const { killed, unknown } = await killInEveryActivity(environment, pipeline, () =>
    client.workflow.start('quantizeBuildDeploy', start),
  );
  const result: PipelineResult = await client.workflow.result(pipeline);
  expect(result).toMatchObject({ verdict: 'DEPLOYED', deployment: { name: 'tiny', revision: 1 } });

  // Each activity was scheduled once and came to its end once, in the attempt after as many as were killed with a worker.
  const histories = [pipeline, 'deployment/tiny'].map((workflowId) => finishedActivities(client, workflowId));
  const finished = (await Promise.all(histories)).flat().filter(({ type }) => type !== 'superviseRevision');
  const types = [...new Set(finished.map(({ type }) => type))];
  expect(unknown, 'activities that no row says how to catch').toEqual([]);
  expect(
    types.filter((type) => !killed.some((kill) => kill.type === type)),
    'never caught',
  ).toEqual([]);
  expect(new Set(finished.map(({ type, input }) => `${type} ${input}`)).size).toBe(finished.length);
  expect(finished.map(({ type, attempt, completions }) => ({ type, attempt, completions }))).toEqual(
    finished.map((activity) => ({ type: activity.type, attempt: 1 + killsOf(activity, killed), completions: 1 })),
  );

  // Tools outlive their workers: each was started once, and its outcome was taken by the attempt that came next.
  const runs = await toolchain.runs();
  expect(runs.filter(({ exit }) => exit !== 0)).toEqual([]);
  // Templates are filled in milliseconds, and anew in a fresh copy where that was cut off.
  const made = runs.filter(({ program }) => program !== 'fill_template.py');
  expect(new Set(made.map(({ program, argv }) => [program, ...argv].join(' '))).size).toBe(made.length);
  // So do the bytes that had arrived.
  expect(hubGate.requests.filter(({ path }) => path.endsWith('model.safetensors')).map(({ range }) => range)).toEqual([
    undefined,
    expect.stringMatching(/^bytes=[1-9]\d*-$/),
  ]);

  // What is left belongs to the revision that serves.
  expect(await filesBelow(places.claims)).toEqual([]);
  expect(await filesBelow(places.scratch)).toEqual([]);
  expect(await filesBelow(places.downloads)).toEqual([]);
  expect(await filesBelow(join(places.store, 'staging'))).toEqual([]);
  const jobs = await readdir(places.jobs);
  expect(jobs).toContain('triton-tiny-1');
  expect(jobs.filter((name) => !name.startsWith('triton-tiny-1'))).toEqual([]);
  expect(await leaseHolders()).toEqual(['triton-tiny-1']);

  const digests = await watcher.end();
  expect(watcher.faults).toEqual([]);
  expect(watcher.looks).toBeGreaterThan(100);
  expect(digests).toEqual(expect.arrayContaining(result.steps.map(({ digest }) => digest)));

  await environment.stop();
  await environment.startAndStopDev();
  expect(processesNaming(environment.home)).toEqual([]);
}, 300_000);

const killsOf = (activity: FinishedActivity, killed: readonly PendingActivity[]): number =>
  killed.filter(
    ({ workflowId, activityId }) => workflowId === activity.workflowId && activityId === activity.activityId,
  ).length;

const filesBelow = async (directory: string): Promise<string[]> =>
  (await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));

async function leaseHolders(): Promise<string[]> {
  const { leases: directory } = environment.places;
  const leases = createGpuLeases({ directory, devices: [], isHolderActive: async () => true });
  return (await leases.list()).map(({ holder }) => holder);
}
