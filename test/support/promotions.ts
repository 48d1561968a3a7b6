import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  type DeploymentState,
  deploymentMessages,
  deploymentWorkflowId,
  emptyDeployment,
  type PromoteOutcome,
  type PromoteRequest,
  type RevisionDescription,
  type ServedGate,
} from '../../src/contracts/deployment.js';
import { EVALUATION_FILE } from '../../src/contracts/evaluation.js';
import { WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { createGpuLeases } from '../../src/platform/gpu-leases.js';
import { type RollbackOutcome, rollbackUpdate } from '../../src/workflows/messages.js';
import { DEVICES, type ServingHost } from './serving-host.js';
import { testSpec } from './specs.js';
import { until } from './until.js';

/** A deployment that runs, as whoever sends it messages sees it. */
export interface RunningDeployment {
  handle: WorkflowHandle;
  /** Promotes on top of what serves now. */
  promote(revision: RevisionDescription): Promise<PromoteOutcome>;
  rollback(to: number): Promise<RollbackOutcome>;
  state(): Promise<DeploymentState>;
  /** Waits until an activity of this type runs. */
  running(activity: string): Promise<true>;
}

/** `temporal.api.enums.v1.PendingActivityState`: a worker was given it. */
const STARTED = 2;

export async function openDeployment(
  { client }: Pick<TestWorkflowEnvironment, 'client'>,
  name: string,
): Promise<RunningDeployment> {
  const handle: WorkflowHandle = await client.workflow.start('deployment', {
    workflowId: deploymentWorkflowId(name),
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [emptyDeployment(name)],
  });
  const state = () => handle.query<DeploymentState>(deploymentMessages.describe);
  return {
    handle,
    state,
    async promote(revision) {
      const { currentNumber: expectedRevision } = await state();
      const request = { promotion: crypto.randomUUID(), name, revision, expectedRevision };
      return handle.executeUpdate<PromoteOutcome, [PromoteRequest]>(deploymentMessages.promote, { args: [request] });
    },
    rollback: (to) => handle.executeUpdate(rollbackUpdate, { args: [{ to }] }),
    running: (activity) =>
      until(`${activity} of ${name}`, async () => {
        const { pendingActivities } = (await handle.describe()).raw;
        const runs = pendingActivities?.some((one) => one.activityType?.name === activity && one.state === STARTED);
        return runs || undefined;
      }),
  };
}

/** Questions of a gate through Triton, and how long the answers are: a worker can be killed while they come. */
const QUESTIONS = ['one', 'two', 'three', 'four'].map((word) => `Say ${word}`);
const ROUNDS = 4;
export const ANSWER_TOKENS = 768;

const README =
  '---\nconfigs:\n  - config_name: default\n    data_files:\n      - split: test\n        path: test.jsonl\n---\n';

/** A gate through Triton, against what the engine of a revision is said to have answered alone. */
export async function putServedGate(
  host: ServingHost,
  engineText: (question: string) => Promise<string>,
): Promise<ServedGate> {
  const answered: { prompt: string; text: string }[] = [];
  for (const prompt of QUESTIONS) answered.push({ prompt, text: await engineText(prompt) });
  const rows = Array.from({ length: ROUNDS }, () => answered).flat();
  const shard = await host.put('dataset', {
    'README.md': README,
    'test.jsonl': rows.map(({ prompt }) => `${JSON.stringify({ prompt, reference: prompt })}\n`).join(''),
  });
  // A shard that is not the first one: its rows count from the start of the whole split.
  const from = 16;
  const evaluation = await host.put('evaluation', {
    [EVALUATION_FILE]: JSON.stringify({
      schema: 'enginesmith/evaluation/v2',
      shard: { from, count: rows.length },
      questions: shard.digest,
      printedScores: null,
      perplexity: null,
      texts: rows.map(({ text }, index) => ({ row: from + index, text })),
    }),
  });
  const { gate } = testSpec((input) => {
    const dataset = { repository: 'tiny/prompts', kind: 'prompts' as const };
    const served = { articles: rows.length };
    input.gate = { dataset, margin: { points: 5 }, maxOutputTokens: ANSWER_TOKENS, served };
  });
  return { evaluation, shard, gate };
}

/** The gRPC port that the latest Triton of a revision was given; throws before it was. */
export async function grpcPortOf(host: ServingHost, name: string, number: number): Promise<number> {
  const file = join(host.places.deployments, name, `${number}`, 'endpoint.json');
  const { grpcPort }: { grpcPort: number } = JSON.parse(await readFile(file, 'utf8'));
  return grpcPort;
}

/** Listens on a port and answers as what listens on another one does; `connections` names who came. */
export async function listenAs(port: number, target: number): Promise<{ server: Server; connections: string[] }> {
  const connections: string[] = [];
  const server = createServer((client) => {
    connections.push(`${client.remotePort}`);
    const upstream = connect(target, '127.0.0.1');
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { server, connections };
}

/** Takes every GPU that the host has besides the one that serves, as another pipeline's step would. */
export async function takeOtherGpus({ places }: ServingHost): Promise<{ release(): Promise<void> }> {
  const leases = createGpuLeases({
    directory: places.leases,
    devices: Array.from({ length: DEVICES }, (_, index) => ({ index, class: 'cpu', memoryBytes: 2 ** 33 })),
    isHolderActive: async (holder) => holder.startsWith('triton-'),
  });
  await until('free GPUs', () => leases.acquire({ holder: 'stranger', count: DEVICES - 1 }));
  return {
    async release() {
      await leases.release('stranger');
    },
  };
}
