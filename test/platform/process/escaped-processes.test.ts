import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  identityOf,
  isAlive,
  type ProcessIdentity,
  sessionProcesses,
} from '../../../src/platform/process/process-identity.js';
import {
  countOutOfMemoryKills,
  createRunCgroup,
  outOfMemoryKillsSince,
  removeCgroup,
} from '../../../src/platform/process/run-cgroup.js';
import { processesOfRun } from '../../../src/platform/process/run-processes.js';
import { bashJob, temporaryRunner, until } from './jobs-fixture.js';

const probe = createRunCgroup('probe');
if (probe !== undefined) removeCgroup(probe);
/** Only root, or a delegated cgroup, may make cgroups. */
const withCgroups = probe !== undefined;

/** Says its pid in a file of that name, ignores SIGTERM and stays. */
const deaf = (name: string): string => `bash $HERE/deaf.sh ${name}`;
const deafScript = 'trap "" TERM; echo $$ > $HERE/$1; while :; do sleep 0.1; done';

/** Ways to leave the session of a tool; each leaves a process that writes its pid to `escaped`. */
const escapes = {
  'opens a session of its own': `setsid ${deaf('escaped')} &`,
  'forks twice and leaves its parent': `(setsid bash -c "setsid ${deaf('escaped')} & exit" &)`,
  'starts a daemon as mpirun does its orted': `bash -c 'cd /; setsid ${deaf('escaped')} </dev/null >/dev/null 2>&1 &'`,
};

async function escapedFrom(directory: string, name = 'escaped'): Promise<ProcessIdentity> {
  const pid = await until(() => {
    try {
      return Number(readFileSync(join(directory, name), 'utf8'));
    } catch {
      return 0;
    }
  });
  const identity = identityOf(pid);
  if (identity === undefined) throw new Error('the escaped process did not live');
  onTestFinished(() => {
    if (isAlive(identity)) process.kill(pid, 'SIGKILL');
  });
  return identity;
}

const recordOf = (jobsDirectory: string, name: string, run = 1) =>
  JSON.parse(readFileSync(join(jobsDirectory, `job/runs/${run}/${name}.json`), 'utf8'));

function inDirectory(directory: string, script: string, changes = {}) {
  writeFileSync(join(directory, 'deaf.sh'), deafScript);
  return bashJob(`export HERE=${directory}; cd ${directory}; ${script}`, changes);
}

test.each(Object.entries(escapes))('what %s is ended with its task, deaf to SIGTERM or not', async (_, leave) => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const script = `${leave}\nuntil test -s escaped; do sleep 0.02; done; sleep 0.2`;
  const running = jobs.run(inDirectory(jobsDirectory, script));
  const escaped = await escapedFrom(jobsDirectory);
  const { tool } = recordOf(jobsDirectory, 'tool');
  expect(isAlive(escaped)).toBe(true);
  expect(sessionProcesses(tool)).not.toContain(escaped.pid);
  expect(await running).toMatchObject({ exitCode: 0, endedBy: 'tool' });
  expect(isAlive(escaped)).toBe(false);
  expect(await jobs.processesOf('job')).toEqual([]);
});

test('an abort ends a tree of sessions that all ignore SIGTERM, within its grace time and little more', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const abort = new AbortController();
  const tree = `setsid bash -c 'setsid ${deaf('inner')} & ${deaf('escaped')}' & ${deaf('own')}`;
  const running = jobs.run(inDirectory(jobsDirectory, tree, { signal: abort.signal, killGraceMs: 300 }));
  const refused = expect(running).rejects.toThrow('cancelled');
  const family = await Promise.all(['escaped', 'inner', 'own'].map((name) => escapedFrom(jobsDirectory, name)));
  const startedMs = performance.now();
  abort.abort(new Error('cancelled'));
  await refused;
  expect(performance.now() - startedMs).toBeLessThan(3_000);
  expect(family.filter(isAlive)).toEqual([]);
});

test('a service lives as long as the last process that it has started, in whatever session', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const script = `setsid bash -c 'echo $$ > escaped; until test -e go; do sleep 0.05; done' & exit 0`;
  const service = inDirectory(jobsDirectory, script, { kind: 'service', ownerTimeoutMs: null });
  const { identity } = await jobs.start(service);
  const escaped = await escapedFrom(jobsDirectory);
  await until(() => !isAlive(identity));
  await until(() => sessionProcesses(identity).length === 0);
  // Two looks of the supervisor later.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(await jobs.inspect('job')).toMatchObject({ state: 'running' });
  expect(await jobs.processesOf('job')).toContain(escaped.pid);
  writeFileSync(join(jobsDirectory, 'go'), '');
  expect(await jobs.wait('job')).toMatchObject({ endedBy: 'tool', exitCode: 0 });
});

test('when its supervisor was killed, the next attempt ends what had left the session before it starts anew', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const script = `echo x >> starts; test $(wc -l < starts) = 2 && exit 4; setsid ${deaf('escaped')} & ${deaf('own')}`;
  const job = inDirectory(jobsDirectory, script);
  const lost = expect(jobs.run(job)).rejects.toMatchObject({ type: 'ToolFailed', context: { endedBy: 'lost' } });
  const family = await Promise.all(['escaped', 'own'].map((name) => escapedFrom(jobsDirectory, name)));
  process.kill(recordOf(jobsDirectory, 'claim').supervisor.pid, 'SIGKILL');
  await lost;
  process.kill(family[1]?.pid ?? 0, 'SIGKILL');
  await until(async () => (await jobs.processesOf('job')).length <= 2);
  expect(await jobs.processesOf('job')).toContain(family[0]?.pid);

  expect(await jobs.run(job)).toMatchObject({ exitCode: 4, adopted: false });
  expect(family.filter(isAlive)).toEqual([]);
});

test('a run is known by its mark alone where there are no cgroups, and others are not taken for it', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  void jobs.run(inDirectory(jobsDirectory, `setsid ${deaf('escaped')} & ${deaf('own')}`)).catch(() => {});
  const escaped = await escapedFrom(jobsDirectory);
  const { tool } = recordOf(jobsDirectory, 'tool');
  const { runId } = recordOf(jobsDirectory, 'job');
  const pids = (id: string) => processesOfRun({ runId: id, tool }).map(({ pid }) => pid);
  expect(pids(runId)).toContain(escaped.pid);
  expect(pids(runId.slice(0, -1))).not.toContain(escaped.pid);
  expect(pids(runId)).not.toContain(process.pid);
});

test.runIf(withCgroups)(
  'one that has thrown its environment away too is found by its cgroup, which goes with the run',
  async () => {
    const { jobs, jobsDirectory } = temporaryRunner();
    const script = `env -i HERE=$HERE setsid /bin/${deaf('escaped')} & until test -s escaped; do sleep 0.02; done; sleep 0.2`;
    const running = jobs.run(inDirectory(jobsDirectory, script));
    const escaped = await escapedFrom(jobsDirectory);
    const { tool, cgroup } = recordOf(jobsDirectory, 'tool');
    const { runId } = recordOf(jobsDirectory, 'job');
    expect(processesOfRun({ runId, tool }).map(({ pid }) => pid)).not.toContain(escaped.pid);
    await running;
    expect(isAlive(escaped)).toBe(false);
    expect(() => readFileSync(join(cgroup, 'cgroup.procs'))).toThrow('ENOENT');
  },
);

test('out-of-memory kills are counted at the nearest place, and only those that are new', () => {
  const cgroup = mkdtempSync(join(tmpdir(), 'enginesmith-memory-'));
  onTestFinished(() => rmSync(cgroup, { recursive: true }));
  const events = (kills: number) =>
    writeFileSync(join(cgroup, 'memory.events'), `low 0\noom 9\noom_kill ${kills}\noom_group_kill 1\n`);
  events(2);
  const before = countOutOfMemoryKills(cgroup);
  expect(before).toMatchObject({ scope: 'run', kills: 2 });
  expect(outOfMemoryKillsSince(before)).toEqual({ count: 0, scope: 'run' });
  events(5);
  expect(outOfMemoryKillsSince(before)).toEqual({ count: 3, scope: 'run' });
  rmSync(join(cgroup, 'memory.events'));
  expect(outOfMemoryKillsSince(before)).toBeUndefined();
  expect(['worker', 'host']).toContain(countOutOfMemoryKills(cgroup)?.scope);
});
