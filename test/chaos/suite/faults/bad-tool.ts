import { readFile } from 'node:fs/promises';
import type { Sabotage } from '../../../support/logging-toolchain.js';
import { until } from '../../../support/until.js';
import { attemptProof, recoveryOf, secondAttempts } from '../attempts.js';
import { type Fault, type FaultContext, secondsSince } from '../fault.js';
import { untilHostIsFree } from '../free-host.js';
import { takeInventory } from '../inventory.js';
import { untilHistoryGoesOn } from '../progress.js';
import { toolOf } from '../tool-of.js';

/** Starts the pipeline, and waits until the step's tool has done what it should not. */
async function sabotaged({ environment, step, start }: FaultContext, kind: Sabotage) {
  const { toolchain } = environment;
  await toolchain.sabotage(toolOf(step), kind);
  await start();
  return until(`${kind} of ${step}`, async () => (await toolchain.sabotaged())[0]);
}

/** A tool that says that it succeeded, and made nothing, or nonsense: it is not believed. */
const lyingTool = (kind: 'garbage' | 'silent'): Fault => ({
  async inject(context) {
    const { atMs, program, pid } = await sabotaged(context, kind);
    return {
      recoverySeconds: await untilHistoryGoesOn(context, atMs),
      proof: async () => {
        const run = (await context.environment.toolchain.runs()).find((one) => one.pid === pid);
        return run?.exit === 0 ? `${program} ${pid} exited 0 with ${kind === 'silent' ? 'no output' : kind}` : null;
      },
    };
  },
});

export const garbage = lyingTool('garbage');
export const silent = lyingTool('silent');

/** Above what a worker's memory grows by when it keeps a bounded tail, and far below what the tool writes. */
const GROWTH_KIBIBYTES = 150 * 1024;

/** A tool that prints hundreds of megabytes before its work: neither the worker's memory nor the failure's text holds them. */
export const flood: Fault = {
  async inject(context) {
    const { pid: worker } = context.environment.worker;
    const before = await peakKibibytes(worker);
    const { atMs, program, pid } = await sabotaged(context, 'flood');
    const recoverySeconds = await untilHistoryGoesOn(context, atMs);
    const run = await until('the end of the tool', async () =>
      (await context.environment.toolchain.runs()).find((one) => one.pid === pid && one.exit !== undefined),
    );
    const grown = (await peakKibibytes(worker)) - before;
    return {
      recoverySeconds,
      problems: grown > GROWTH_KIBIBYTES ? [`the worker grew by ${grown} KiB`] : [],
      proof: async () =>
        `${program} ${pid} printed 200 MiB and exited ${run.exit}; the worker's peak grew by ${grown >> 10} MiB`,
    };
  },
};

async function peakKibibytes(pid: number | undefined): Promise<number> {
  return Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** A tool that ends well and leaves processes in sessions of their own, which ignore SIGTERM. */
export const grandchildren: Fault = {
  async inject(context) {
    const { atMs, program, pid, escaped } = await sabotaged(context, 'grandchildren');
    const living = escaped.filter((each) => isThere(each));
    await until('the end of the tool', async () =>
      (await context.environment.toolchain.runs()).find((one) => one.pid === pid && one.exit === 0),
    );
    const endedMs = Date.now();
    // Their GPU is free when they are gone, and the next step may have it then.
    await until('the end of its grandchildren', async () => !escaped.some(isThere) || undefined, { withinMs: 30_000 });
    return {
      recoverySeconds: secondsSince(endedMs),
      proof: async () =>
        living.length === escaped.length && living.length > 0
          ? `${program} ${pid} left ${living.join(' and ')} in sessions of their own after ${secondsSince(atMs, endedMs)} s`
          : null,
    };
  },
};

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** No step of the tiny model is silent for so long, on busy cores too. */
const STALL_SECONDS = 20;

/** A tool that hangs without a sign of life. */
export const hang: Fault = {
  environment: { workerVariables: () => ({ ENGINESMITH_STALL_SECONDS: `${STALL_SECONDS}` }) },
  async inject(context) {
    const { atMs, program, pid } = await sabotaged(context, 'hang');
    const attempts = await secondAttempts(context, 1);
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      proof: async () => {
        const proof = attemptProof(attempts, ['Stalled']);
        return proof && `${program} ${pid} hung; ${proof}`;
      },
    };
  },
};

/** A cancellation of a tool that ignores SIGTERM, and has grandchildren in sessions of their own which do too. */
export const cancelDeaf: Fault = {
  async inject(context) {
    const { environment, workflowId } = context;
    const before = await takeInventory(environment);
    const { program, pid, escaped } = await sabotaged(context, 'deaf');
    const atMs = Date.now();
    await environment.client.workflow.getHandle(workflowId).cancel();
    const left = await untilHostIsFree(environment, before, { workflowId });
    return {
      recoverySeconds: left.length === 0 ? secondsSince(atMs) : null,
      problems: left,
      proof: async () => `${program} ${pid} and its grandchildren ${escaped.join(', ')} ignored SIGTERM`,
    };
  },
};
