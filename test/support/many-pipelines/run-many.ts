import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from '@temporalio/client';
import { PIPELINE_WORKFLOW_TYPE, type PipelineResult } from '../../../src/contracts/pipeline.js';
import { WORKFLOW_TASK_QUEUE } from '../../../src/contracts/task-queues.js';
import { differences, takeInventory } from '../../chaos/suite/inventory.js';
import { type ChaosEnvironment, startChaosEnvironment } from '../chaos-environment.js';
import { until } from '../until.js';
import { judgeDeviceUse } from './device-use.js';
import { type GpuSteps, readGpuSteps } from './gpu-steps.js';
import { witnessLeases } from './lease-witness.js';
import { judgeOrder } from './line-order.js';
import { median, type ProcessSamples, watchProcess } from './process-samples.js';
import { expectedVerdict, leasedDevices, manySpec } from './specs.js';
import { createTinyToolchain } from './tiny-toolchain.js';

/** What is watched for memory and CPU. */
const WATCHED = ['worker', 'orchestrator', 'temporal'] as const;

const DEVICES = 2;

const ANSWERED_WITHIN_MS = 3_600_000;

/** A supervisor that has written its outcome needs a moment to be gone. */
const GONE_WITHIN_MS = 10_000;

export interface ManyResult {
  pipelines: number;
  verdicts: Record<string, number>;
  /** Pipelines that ended otherwise than they should. */
  wrongVerdicts: string[];
  seconds: number;
  toolRuns: Record<string, number>;
  devices: ReturnType<typeof judgeDeviceUse>;
  line: ReturnType<typeof judgeOrder> & {
    grants: number;
    longest: number;
    /** Share of the whole time at which a device was leased. */
    leasedShare: number;
    versions: { seen: number; missed: number };
    /** From when a step was scheduled to the attempt that got its devices. */
    waitSeconds: { median: number; longest: number };
    /** Attempts at steps that lease devices, those that found none included. */
    attempts: number;
  };
  /** Of each wave. All gates of a wave come last, and with them the threads that score: waves are compared, not their parts. */
  processes: Record<(typeof WATCHED)[number], ProcessSamples[]>;
  /** What there is after the end that was not there before. */
  left: string[];
}

/**
 * Starts so many pipelines at once on two virtual devices, and watches from outside until all have ended; then as many others,
 * with the same workers.
 */
export async function runMany(pipelines: number, { waves = 1 } = {}): Promise<ManyResult> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-many-'));
  const toolchain = await createTinyToolchain(directory);
  const environment = await startChaosEnvironment({
    workerVariables: () => ({ ENGINESMITH_TOOLCHAIN_ROOT: toolchain.root }),
  });
  try {
    const before = await takeInventory(environment);
    const witness = await witnessLeases(environment.places.leases, DEVICES);
    const processes: ManyResult['processes'] = { worker: [], orchestrator: [], temporal: [] };
    const results: (PipelineResult | string)[] = [];
    const startedMs = performance.now();
    for (let wave = 0; wave < waves; wave += 1) {
      const watching = WATCHED.map((name) => [name, watchProcess(environment[name].pid ?? 0)] as const);
      const numbers = Array.from({ length: pipelines }, (_, index) => wave * pipelines + index + 1);
      results.push(...(await Promise.all(numbers.map((number) => runPipeline(environment, number)))));
      for (const [name, end] of watching) processes[name].push(end());
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const left = await whatIsLeft(environment, before);
    await witness.end();

    const steps = await readGpuSteps(environment.client, results);
    const runs = await toolchain.runs();
    const verdicts = results.map((result) => (typeof result === 'string' ? 'none' : result.verdict));
    return {
      pipelines: results.length,
      verdicts: countEach(verdicts),
      wrongVerdicts: results.flatMap((result, index) => wrongVerdict(result, index + 1)),
      seconds,
      toolRuns: countEach(runs.map(({ program }) => program)),
      devices: judgeDeviceUse(runs, (job) => leasedByJob(steps, job)),
      line: {
        ...judgeOrder(witness.grants, steps.scheduledAtMs),
        grants: witness.grants.length,
        longest: witness.longestLine,
        leasedShare: witness.leasedMs / 1000 / seconds / DEVICES,
        versions: witness.versions,
        waitSeconds: { median: median(steps.waitsMs) / 1000, longest: Math.max(...steps.waitsMs) / 1000 },
        attempts: steps.attempts,
      },
      processes,
      left,
    };
  } finally {
    await environment.dispose();
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Asks until there is an answer: a development server that is short of CPU says now and then that there is no namespace, and
 * the pipeline goes on.
 * @returns what it ended with, or why it has no result
 */
function runPipeline({ client }: ChaosEnvironment, number: number): Promise<PipelineResult | string> {
  const workflowId = `many-${number}`;
  const options = {
    ...{ workflowId, taskQueue: WORKFLOW_TASK_QUEUE, args: [manySpec(number)] },
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
  } as const;
  const ask = async (): Promise<PipelineResult | string> => {
    try {
      await client.workflow.start(PIPELINE_WORKFLOW_TYPE, options).catch((failure: unknown) => {
        if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure;
      });
      return await client.workflow.result<() => Promise<PipelineResult>>(workflowId);
    } catch (failure) {
      if (failure instanceof WorkflowFailedError) return `${failure.message} ${failure.cause}`;
      throw failure;
    }
  };
  return until(`result of ${workflowId}`, ask, { withinMs: ANSWERED_WITHIN_MS });
}

function wrongVerdict(result: PipelineResult | string, number: number): string[] {
  const found = typeof result === 'string' ? result : result.verdict;
  const expected = expectedVerdict(number);
  return found === expected ? [] : [`many-${number}: ${found}; it should be ${expected}`];
}

function leasedByJob({ ofJob }: GpuSteps, job: string): number | undefined {
  const step = ofJob.get(job);
  return step && leasedDevices(step.activity, step.pipeline);
}

async function whatIsLeft(
  environment: ChaosEnvironment,
  before: Awaited<ReturnType<typeof takeInventory>>,
): Promise<string[]> {
  let left: string[] = [];
  const nothing = async (): Promise<true | undefined> => {
    left = differences(before, await takeInventory(environment));
    return left.length === 0 || undefined;
  };
  await until('end of what runs', nothing, { withinMs: GONE_WITHIN_MS }).catch(() => undefined);
  return left;
}

function countEach(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
