import { readdirSync, readFileSync } from 'node:fs';
import { hasCode } from '../durable-files.js';

/**
 * Names one process for ever: a pid is used again, a pid with its start time within one boot is not.
 * Holds on this host only.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/<pid>/stat. */
  readonly startTimeTicks: number;
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string;
}

/** What /proc says about a living process. */
export interface ProcessStatus {
  pid: number;
  startTimeTicks: number;
  sessionId: number;
  alive: boolean;
  /** User and system time, of children that were waited for too, in clock ticks. */
  cpuTicks: number;
}

/** The identity of a process that exists, a zombie included. @returns undefined when no process has the pid */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const status = readStatus(pid);
  return status && { pid, startTimeTicks: status.startTimeTicks, bootId: bootId() };
}

/** CPU time of a process and of its children that have ended, in ticks of 10 ms; 0 when there is no such process. */
export const cpuTicksOf = (pid: number): number => readStatus(pid)?.cpuTicks ?? 0;

/** The identity of the calling process. */
export function ownIdentity(): ProcessIdentity {
  const identity = identityOf(process.pid);
  if (identity === undefined) throw new Error('/proc does not show this process: mount proc in this container');
  return identity;
}

/** Whether that very process still runs. A zombie holds no memory and no GPU: it counts as ended. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  const status = readStatus(identity.pid);
  return status?.startTimeTicks === identity.startTimeTicks && status.alive;
}

/**
 * The pids of every living process in the session that `leader` opened with setsid, whether the leader still lives or not.
 * Process groups do not matter here: each rank of mpirun has its own, but all share mpirun's session.
 * @param among only these pids. @default every process of the host, which costs milliseconds where there are thousands
 */
export function sessionProcesses(leader: ProcessIdentity, among?: readonly number[]): number[] {
  return livingSince(leader, among)
    .filter(isOfSession(leader))
    .map(({ pid }) => pid);
}

/** Whether a process is in the session that `leader` opened, and not in one that has inherited the leader's pid. */
export function isOfSession(leader: ProcessIdentity): (status: ProcessStatus) => boolean {
  // The kernel gives the leader's pid to nobody while its session has members: someone else there means that none are left.
  const holder = readStatus(leader.pid);
  const isInherited = holder !== undefined && holder.startTimeTicks !== leader.startTimeTicks;
  return ({ sessionId }) => sessionId === leader.pid && !isInherited;
}

/** Every living process that is no older than `first`; none when the host was booted since. */
export function livingSince(first: ProcessIdentity, among?: readonly number[]): ProcessStatus[] {
  if (first.bootId !== bootId()) return [];
  return (among ?? allPids())
    .map((pid) => readStatus(pid))
    .filter((status) => status !== undefined)
    .filter(({ alive, startTimeTicks }) => alive && startTimeTicks >= first.startTimeTicks);
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Fields of /proc/<pid>/stat, counted from the state, which follows the last `)`: a program's name may hold anything. */
const field = { state: 0, session: 3, cpuTimes: [11, 15], threads: 17, startTime: 19 } as const;

function readStatus(pid: number): ProcessStatus | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ended = fields[field.state] === 'Z' || fields[field.state] === 'X';
  return {
    pid,
    startTimeTicks: Number(fields[field.startTime]),
    sessionId: Number(fields[field.session]),
    // A main thread that has ended looks like a zombie while other threads, stuck in a driver perhaps, still run.
    alive: !ended || Number(fields[field.threads]) > 1,
    cpuTicks: fields.slice(...field.cpuTimes).reduce((sum, ticks) => sum + Number(ticks), 0),
  };
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

let cachedBootId: string | undefined;

function bootId(): string {
  cachedBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return cachedBootId;
}
