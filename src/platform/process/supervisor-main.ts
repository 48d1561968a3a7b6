/**
 * The small process between a worker and a tool. It leads a session of its own, so it outlives the worker; the tool leads
 * another, so that all of it can be found and ended. It keeps the outcome until the next worker asks.
 *
 * One such process lives as long as each tool and each served model: it imports Node's own modules and little else.
 * Arguments: run directory, run id. Environment: the tool's, inherited, so that no secret touches the disk.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readIfPresent } from '../durable-files.js';
import { createRecord, replaceRecord } from '../json-record.js';
import { runEndCommand } from './end-command.js';
import { ledgerFile, runFiles } from './job-files.js';
import type { ExitRecord, JobRecord, Ledger, StopRecord, ToolRecord } from './job-records.js';
import { killRun } from './kill-session.js';
import { identityOf, ownIdentity } from './process-identity.js';
import {
  countOutOfMemoryKills,
  createRunCgroup,
  enterCgroup,
  outOfMemoryKillsSince,
  removeCgroup,
} from './run-cgroup.js';
import { processesOfRun, RUN_VARIABLE } from './run-processes.js';

/** How soon the end of a service is noticed. */
const servicePollIntervalMs = 500;
const endCommandIntervalMs = 1_000;
const keptAttempts = 100;
/** More than the ledger of a hundred attempts, or an exit record, takes. */
const roomBytes = 64 * 1024;

/**
 * Waits for a line on descriptor 3, then becomes the tool (same pid, same start time). The line comes once the process is on
 * record: should the supervisor die before, the shell reads end-of-file and no unrecorded tool ever runs.
 */
const gate = 'read -r go <&3 || exit 125; exec 3<&-; exec "$@"';

type Ending = ExitRecord['endedBy'];

async function supervise(runDirectory: string, runId: string): Promise<void> {
  const files = runFiles(runDirectory);
  // Before the claim makes this process known: from then on a SIGTERM is a request to end the tool.
  const terminated = new Promise<Ending>((resolve) => process.on('SIGTERM', () => resolve('request')));
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

  // No schema here: this process is the other half of the one that has just written the file, and zod would double its size.
  const job: JobRecord = JSON.parse(readFileSync(files.job, 'utf8'));
  if (job.runId !== runId) return;
  if (!(await createRecord(files.claim, { supervisor: ownIdentity() }))) return;

  keepRoom();
  const startedAt = new Date().toISOString();
  const child = startGated(job, files.log);
  const exited = exitOf(child, files.log);
  const tool = child.pid === undefined ? undefined : identityOf(child.pid);
  if (tool === undefined) {
    const { exitCode, signal } = await exited;
    await conclude({ runId, exitCode, signal, startedAt, endedAt: new Date().toISOString(), endedBy: 'tool' });
    return;
  }
  const cgroup = cgroupFor(runId, tool.pid);
  const memory = countOutOfMemoryKills(cgroup, { isContained: job.endCommand !== undefined });
  const record: ToolRecord = { tool, startedAt, cgroup, memory };
  const run = { runId, tool, cgroup };
  await replaceRecord(files.tool, record);
  const pipe = child.stdio[3];
  if (pipe && 'write' in pipe) pipe.on('error', () => {}).end('go\n');

  const endedBy = await Promise.race([terminated, ownerLost(), toolOver()]);
  const { graceMs, as } = endedBy === 'request' ? await requested() : { graceMs: job.killGraceMs, as: endedBy };
  // The counter goes with the run's cgroup.
  const outOfMemoryKills = outOfMemoryKillsSince(memory);
  while ((await killRun(run, { graceMs })).length > 0) await sleep(servicePollIntervalMs);
  await endTheRest();
  const { exitCode, signal } = await exited;
  await conclude({
    runId,
    exitCode,
    signal,
    startedAt,
    endedAt: new Date().toISOString(),
    outOfMemoryKills,
    endedBy: as,
  });

  async function toolOver(): Promise<Ending> {
    await exited;
    if (job.kind === 'service') {
      const members = (among?: number[]): number[] => processesOfRun(run, among).map(({ pid }) => pid);
      let living = members();
      while (living.length > 0) {
        await sleep(servicePollIntervalMs);
        // All of /proc is read only when those that were there last time are gone: a served model lives for weeks.
        living = members(living);
        if (living.length === 0) living = members();
      }
    }
    return 'tool';
  }

  /** Until it succeeds: a run whose container may still hold its GPUs is not over. */
  async function endTheRest(): Promise<void> {
    for (let said = ''; ; ) {
      const problem = await runEndCommand(job.endCommand);
      if (problem === undefined) return;
      if (problem !== said) console.error(`${job.endCommand?.join(' ')}: ${problem}`);
      said = problem;
      await sleep(endCommandIntervalMs);
    }
  }

  /**
   * Looks for changes of the heartbeat by the monotonic clock, and counts only the time in which it looked: neither a clock set
   * anew, nor a suspended host, nor a container that was paused ends a tool.
   */
  async function ownerLost(): Promise<Ending> {
    const { ownerTimeoutMs } = job;
    if (ownerTimeoutMs === null) return new Promise(() => {});
    const intervalMs = Math.min(1000, ownerTimeoutMs / 8);
    let heartbeat: number | undefined;
    let unseenMs = 0;
    for (let lookedMs = performance.now(); ; await sleep(intervalMs)) {
      const nowMs = performance.now();
      unseenMs += Math.min(nowMs - lookedMs, 2 * intervalMs);
      lookedMs = nowMs;
      const latest = statSync(files.owner, { throwIfNoEntry: false })?.mtimeMs;
      if (latest !== undefined && latest !== heartbeat) {
        heartbeat = latest;
        unseenMs = 0;
      } else if (unseenMs >= ownerTimeoutMs) return 'owner-timeout';
    }
  }

  async function requested(): Promise<StopRecord> {
    const text = await readIfPresent(files.stop);
    return text === undefined ? { graceMs: job.killGraceMs, as: 'request' } : JSON.parse(text);
  }

  /**
   * A tool that filled the disk, or ended while others had filled it, has an outcome too: it is written over files that are
   * there by then. Random bytes, for zeros may take no room.
   */
  function keepRoom(): void {
    try {
      for (const room of [files.exitRoom, files.ledgerRoom]) writeFileSync(room, randomBytes(roomBytes));
    } catch (error) {
      // The tool will say the same about its own files.
      console.error(`no room is kept for the outcome: ${error}`);
    }
  }

  /** The ledger first: an outcome that anybody has seen is in it. */
  async function conclude(outcome: ExitRecord): Promise<void> {
    if (outcome.endedBy === 'tool' || outcome.endedBy === 'stalled') {
      const path = ledgerFile(dirname(dirname(runDirectory)));
      const text = await readIfPresent(path);
      const ledger: Ledger = text === undefined ? [] : JSON.parse(text);
      await replaceRecord(path, [...ledger, outcome].slice(-keptAttempts), files.ledgerRoom);
    }
    rmSync(files.ledgerRoom, { force: true });
    await createRecord(files.exit, outcome, files.exitRoom);
  }
}

function startGated(job: JobRecord, logPath: string): ChildProcess {
  const log = openSync(logPath, 'a');
  try {
    return spawn('/bin/sh', ['-c', gate, 'sh', ...job.argv], {
      cwd: job.workingDirectory,
      detached: true,
      env: { ...process.env, [RUN_VARIABLE]: job.runId },
      stdio: ['ignore', log, log, 'pipe'],
    });
  } finally {
    closeSync(log);
  }
}

/** Before the tool's program runs: all that it starts is in the cgroup too. */
function cgroupFor(runId: string, pid: number): string | undefined {
  const cgroup = createRunCgroup(runId);
  if (cgroup === undefined || enterCgroup(cgroup, pid)) return cgroup;
  removeCgroup(cgroup);
  return undefined;
}

/** 127, as a shell says it, when the process could not even be started: the working directory is gone, no memory. */
function exitOf(child: ChildProcess, logPath: string): Promise<{ exitCode: number | null; signal: string | null }> {
  return new Promise((resolve) => {
    child.on('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    child.on('error', (error) => {
      appendFileSync(logPath, `${error.message}: does the working directory exist?\n`);
      resolve({ exitCode: 127, signal: null });
    });
  });
}

const [runDirectory, runId] = process.argv.slice(2);
if (runDirectory === undefined || runId === undefined) throw new Error('expected arguments: run directory, run id');
await supervise(runDirectory, runId);
process.exit();
