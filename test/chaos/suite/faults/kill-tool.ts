import { readFileSync } from 'node:fs';
import { sendSignal } from '../../../../src/platform/process/kill-session.js';
import { pendingWork } from '../../../support/executions.js';
import { processesNaming } from '../../../support/processes.js';
import { tinySpec } from '../../../support/tiny-repositories.js';
import { until } from '../../../support/until.js';
import { arrest } from '../arrest.js';
import { attemptProof, nextAttempts, recoveryOf, secondAttempts } from '../attempts.js';
import type { Fault, FaultContext } from '../fault.js';
import { toolOf } from '../tool-of.js';

/** What a SIGKILL of a tool is taken for: the kernel sends it when memory is out, and it may have come from elsewhere. */
const KILLED = ['ToolFailed', 'HostOutOfMemory'];
const SAYS_SO = /SIGKILL|signal 9|killed/i;

/** SIGKILL of the step's tool, as the kernel sends it when memory is out. */
export const killTool: Fault = {
  async inject(context) {
    const { release } = await arrest(context);
    const atMs = Date.now();
    const attempts = await secondAttempts(context, await killTools(context));
    await release();
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      proof: async () => attemptProof(attempts, KILLED, SAYS_SO),
    };
  },
};

/** SIGKILL of one rank of several: mpirun ends the others. */
export const killRank: Fault = {
  spec: (name) => ({ ...tinySpec(name), parallelism: { tensor: 2 } }),
  async inject(context) {
    const { client, toolchain } = context.environment;
    const { release } = await arrest(context);
    const rank = await until('a second rank', async () => {
      const pids = await runningTools(context);
      return (await toolchain.runs()).find((run) => pids.includes(run.pid) && run.rank === '1');
    });
    const atMs = Date.now();
    sendSignal(rank.pid, 'SIGKILL');
    // Seen at once: an attempt that waits for its GPUs again has another failure behind it.
    const failed = await until('a rank that is missed', async () => {
      const { activities } = await pendingWork(client);
      return activities.find(({ lastFailure }) => SAYS_SO.test(lastFailure?.message ?? ''));
    });
    const attempts = await nextAttempts(client, [{ ...failed, attempt: failed.attempt - 1 }]);
    await release();
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      proof: async () =>
        `rank ${rank.rank} ended by SIGKILL; ${failed.type} attempt ${failed.attempt} after ${failed.lastFailure?.type}`,
    };
  },
};

/** The same for every attempt: a step that kills whatever touches it is given up. */
export const killToolAlways: Fault = {
  async inject(context) {
    const { client } = context.environment;
    await arrest(context);
    const atMs = Date.now();
    let kills = await killTools(context);
    const attempts = await secondAttempts(context, kills);
    const open = async (): Promise<boolean> => {
      const { status } = await client.workflow.getHandle(context.workflowId).describe();
      return status.name === 'RUNNING';
    };
    await until('the end', async () => {
      if (!(await open())) return true;
      kills += await killTools(context).catch(() => 0);
      return undefined;
    });
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      proof: async () => `${kills} tools ended by SIGKILL; ${attemptProof(attempts, KILLED, SAYS_SO)}`,
    };
  },
};

/** SIGKILL of the supervisor between worker and tool. */
export const killSupervisor: Fault = {
  async inject(context) {
    const { release } = await arrest(context);
    const supervisors = (await runningTools(context)).map(parentOf);
    const atMs = Date.now();
    for (const pid of supervisors) sendSignal(pid, 'SIGKILL');
    const attempts = await secondAttempts(context, supervisors.length);
    await release();
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      proof: async () => attemptProof(attempts, ['ToolFailed'], /lost its supervisor|ended from outside \(lost\)/),
    };
  },
};

/** Processes of the step's tool: several where candidate and baseline run at once, and where it has ranks. */
async function runningTools({ environment, step }: FaultContext): Promise<number[]> {
  const living = new Set(processesNaming(environment.home).map(({ pid }) => pid));
  const runs = await environment.toolchain.runs();
  return runs
    .filter(({ program, held, exit, pid }) => program === toolOf(step) && held && exit === undefined && living.has(pid))
    .map(({ pid }) => pid);
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** @returns how many were killed */
async function killTools(context: FaultContext): Promise<number> {
  const pids = await runningTools(context);
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  return pids.length;
}
