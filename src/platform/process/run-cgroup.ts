import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * A cgroup (version 2) of its own for each run, below the one that the worker is in, where the host lets us make one: what a
 * tool starts stays in it, whatever session it opens and whatever becomes of its environment. Nothing depends on it, so
 * whatever goes wrong means that there is none. The supervisor imports this: Node's own modules only.
 */

/** Whose memory events were counted: those of the run, of all that shares the worker's cgroup, or of the whole host. */
type MemoryScope = 'run' | 'worker' | 'host';

/** How many processes the kernel's out-of-memory killer has ended so far, where the nearest counter is. */
export interface OutOfMemoryCount {
  readonly scope: MemoryScope;
  readonly file: string;
  readonly kills: number;
}

/** @returns the path of the new cgroup; undefined where this process may make none */
export function createRunCgroup(runId: string): string | undefined {
  const path = runCgroupPath(runId);
  if (path === undefined) return undefined;
  return attempt(() => {
    mkdirSync(path);
    return path;
  });
}

/** Where a run's cgroup is, if it has one. */
export function runCgroupPath(runId: string): string | undefined {
  const own = ownCgroup();
  return own === undefined ? undefined : join(own, `enginesmith-${runId}`);
}

/** Moves a process, and all that it starts from now on, into a run's cgroup. @returns false when the host refuses */
export const enterCgroup = (cgroup: string, pid: number): boolean =>
  attempt(() => {
    writeFileSync(join(cgroup, 'cgroup.procs'), `${pid}`);
    return true;
  }) ?? false;

/** The pids in a cgroup and in those that were made below it. Zombies are among them. */
export function cgroupProcesses(cgroup: string): number[] {
  const own = (readIfThere(join(cgroup, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  return [...own, ...cgroupsBelow(cgroup).flatMap(cgroupProcesses)];
}

/** SIGKILL to all of a cgroup at once, so that none can fork itself away. Kernels before 5.14 have no such file. */
export function killCgroup(cgroup: string): void {
  attempt(() => writeFileSync(join(cgroup, 'cgroup.kill'), '1'));
}

/**
 * Removes a run's cgroup, which must be empty, with those below it.
 * @returns false when it is still there: the kernel keeps one a moment longer than the last process in it
 */
export function removeCgroup(cgroup: string): boolean {
  for (const below of cgroupsBelow(cgroup)) removeCgroup(below);
  attempt(() => rmdirSync(cgroup));
  return !existsSync(cgroup);
}

/**
 * The out-of-memory kills so far: of the run's own cgroup, else of the worker's, else of the host.
 * @param isContained it runs in a container, whose cgroup lies elsewhere: only the host's counter knows of it
 */
export function countOutOfMemoryKills(
  cgroup: string | undefined,
  { isContained = false } = {},
): OutOfMemoryCount | undefined {
  const own = ownCgroup();
  const near: { scope: MemoryScope; file: string }[] = [
    ...(cgroup === undefined ? [] : [{ scope: 'run' as const, file: join(cgroup, 'memory.events') }]),
    ...(own === undefined ? [] : [{ scope: 'worker' as const, file: join(own, 'memory.events') }]),
  ];
  const counters = [...(isContained ? [] : near), { scope: 'host' as const, file: '/proc/vmstat' }];
  for (const counter of counters) {
    const kills = killsIn(counter.file);
    if (kills !== undefined) return { ...counter, kills };
  }
  return undefined;
}

/** How many were added to an earlier count; undefined where nobody counts, or the counter is gone. */
export function outOfMemoryKillsSince(
  before: OutOfMemoryCount | undefined,
): { count: number; scope: MemoryScope } | undefined {
  const kills = before && killsIn(before.file);
  return before === undefined || kills === undefined ? undefined : { count: kills - before.kills, scope: before.scope };
}

const killsIn = (file: string): number | undefined => {
  const found = /^oom_kill (\d+)$/m.exec(readIfThere(file) ?? '');
  return found === null ? undefined : Number(found[1]);
};

/** The directory of this process's cgroup; undefined where version 2 is not mounted. */
function ownCgroup(): string | undefined {
  const path = /^0::(.*)$/m.exec(readIfThere('/proc/self/cgroup') ?? '')?.[1];
  // Fields of mountinfo: id, parent, device, root, mount point, options …, "-", type, source, options.
  const mount = (readIfThere('/proc/self/mountinfo') ?? '').split('\n').find((line) => line.includes(' - cgroup2 '));
  const [, , , root = '/', mountPoint] = mount?.split(' ') ?? [];
  if (path === undefined || mountPoint === undefined) return undefined;
  const belowRoot = root !== '/' && path.startsWith(root) ? path.slice(root.length) : path;
  return join(mountPoint, belowRoot);
}

const cgroupsBelow = (cgroup: string): string[] =>
  (attempt(() => readdirSync(cgroup, { withFileTypes: true })) ?? [])
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(cgroup, name));

const readIfThere = (path: string): string | undefined => attempt(() => readFileSync(path, 'utf8'));

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
