import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { createStoreAdministration } from '../../../src/platform/store/administration.js';
import { isAbandoned } from '../../../src/platform/store/staging-owner.js';

export interface RaceResult {
  pipelines: number;
  hits: number;
  made: number;
  /** Found, and then collected before its root was written: made again. */
  lostToCollector: number;
  collections: number;
  removed: number;
  spared: number;
  killed: number;
  /** What no pipeline may ever see. */
  violations: string[];
  /** Of what is left in the store at the end. */
  corrupt: string[];
  left: number;
}

type Counted = 'hits' | 'made' | 'lostToCollector' | 'collections' | 'removed' | 'spared';
const counted: readonly Counted[] = ['hits', 'made', 'lostToCollector', 'collections', 'removed', 'spared'];

/** A process that is started again when it was killed, and whose counts are added up over its lives. */
function keepRunning(script: string, args: string[], result: RaceResult, isOver: () => boolean) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  let child: ReturnType<typeof start> | undefined;
  let hasWorked = false;
  const start = () =>
    execa(process.execPath, ['--import', 'tsx', path, ...args], { reject: false, buffer: false, stderr: 'pipe' });

  const live = async (): Promise<void> => {
    child = start();
    hasWorked = false;
    let last: Record<string, unknown> = {};
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{')) continue;
      const next: Record<string, unknown> = JSON.parse(line);
      if ('violation' in next) {
        result.violations.push(`${next.violation}`);
        return;
      }
      if ('made' in next) result.pipelines += 1;
      for (const name of counted) result[name] += Number(next[name] ?? 0) - Number(last[name] ?? 0);
      last = next;
      hasWorked = true;
    }
    const { exitCode, signal } = await child;
    if (signal !== 'SIGKILL') result.violations.push(`${script} ended by itself with ${exitCode}, ${signal}`);
  };
  const done = (async () => {
    while (!isOver()) await live();
  })();
  return {
    done,
    kill: () => child?.kill('SIGKILL'),
    /** One that is only starting could be killed for ever on a busy machine. */
    killAtWork: (): boolean => hasWorked && (child?.kill('SIGKILL') ?? false),
    /** Stops it between any two of its system calls, as a busy host does, and lets it go on. */
    freeze: async (durationMs: number): Promise<void> => {
      const frozen = child;
      frozen?.kill('SIGSTOP');
      await sleep(durationMs);
      frozen?.kill('SIGCONT');
    },
  };
}

/** The workflows of pipelines that were killed have failed by then. */
async function endRunsOfKilled(home: string): Promise<void> {
  for (const name of await readdir(join(home, 'running'))) {
    if (isAbandoned({ name, modifiedAtMs: Date.now() })) await rm(join(home, 'running', name), { force: true });
  }
}

/**
 * Pipelines and collectors race in one store; one after the other is frozen for a moment, and one is killed every
 * `killEveryMs`.
 * @param options.isEnough ends the race, as a violation does; it is over after `atMostMs` anyway
 */
export async function race(options: {
  home: string;
  workers: number;
  pipelinesPerWorker: number;
  collectors: number;
  specs: number;
  killEveryMs: number;
  atMostMs: number;
  isEnough?: (result: RaceResult) => boolean;
}): Promise<RaceResult> {
  const { home, workers, collectors, specs, pipelinesPerWorker, killEveryMs, isEnough = () => false } = options;
  await mkdir(join(home, 'running'), { recursive: true });
  const result: RaceResult = {
    ...{ pipelines: 0, hits: 0, made: 0, lostToCollector: 0, collections: 0, removed: 0, spared: 0, killed: 0 },
    ...{ violations: [], corrupt: [], left: 0 },
  };
  const end = Date.now() + options.atMostMs;
  const isOver = () => Date.now() > end || result.violations.length > 0 || isEnough(result);
  const repeat = <One>(count: number, one: () => One): One[] => Array.from({ length: count }, one);
  const pipelineArguments = [home, `${specs}`, `${pipelinesPerWorker}`];
  const working = repeat(workers, () => keepRunning('./pipeline.process.ts', pipelineArguments, result, isOver));
  const collecting = repeat(collectors, () => keepRunning('./collector.process.ts', [home], result, isOver));
  const processes = [...working, ...collecting];
  const freezing = (async () => {
    while (!isOver()) await processes[Math.floor(Math.random() * processes.length)]?.freeze(Math.random() * 200);
  })();
  for (let turn = 0; !isOver(); turn += 1) {
    for (const until = Date.now() + killEveryMs; !isOver() && Date.now() < until; ) await sleep(100);
    // Collectors every other time: the ends of their removals are what the others must cope with.
    const half = Math.floor(turn / 2);
    const victim = turn % 2 === 0 ? collecting[half % collectors] : working[half % workers];
    if (victim?.killAtWork()) result.killed += 1;
    await endRunsOfKilled(home);
  }
  await freezing;
  const killing = setInterval(() => processes.forEach(({ kill }) => void kill()), 50);
  await Promise.all(processes.map(({ done }) => done));
  clearInterval(killing);
  await checkWhatIsLeft(home, result);
  return result;
}

async function checkWhatIsLeft(home: string, result: RaceResult): Promise<void> {
  const store = createStoreAdministration({ directory: join(home, 'store'), cacheDirectory: join(home, 'cache') });
  try {
    for (const digest of await store.digests()) {
      const problem = await store.verify(digest);
      if (problem !== undefined) result.corrupt.push(`${digest}: ${problem}`);
    }
    await rm(join(home, 'running'), { recursive: true });
    // Nothing runs any more: everything goes, also what killed collectors have begun to remove.
    const ask = async () => ({
      namespace: 'default',
      running: new Set<string>(),
      runningRunIds: new Set<string>(),
      deployments: [],
    });
    await store.collect({ ask, rules: { lastRuns: 0, graceMs: 0 } });
    result.left = (await store.digests()).length + (await readdir(join(home, 'store', 'trash'))).length;
  } finally {
    await store.close();
  }
}
