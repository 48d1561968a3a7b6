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
  const start = () =>
    execa(process.execPath, ['--import', 'tsx', path, ...args], { reject: false, buffer: false, stderr: 'pipe' });

  const live = async (): Promise<void> => {
    child = start();
    let last: Record<string, unknown> = {};
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{')) continue;
      last = JSON.parse(line);
      if ('violation' in last) result.violations.push(`${last.violation}`);
      else if ('made' in last) result.pipelines += 1;
    }
    for (const name of counted) result[name] += Number(last[name] ?? 0);
    const { exitCode, signal } = await child;
    if (signal !== 'SIGKILL' && !('violation' in last)) {
      result.violations.push(`${script} ended by itself with ${exitCode}, after ${JSON.stringify(last)}`);
    }
  };
  const done = (async () => {
    while (!isOver() && result.violations.length === 0) await live();
  })();
  return {
    done,
    kill: () => child?.kill('SIGKILL'),
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

/** Pipelines and collectors race in one store; one after the other is frozen for a moment, and one is killed every `killEveryMs`. */
export async function race(options: {
  home: string;
  workers: number;
  pipelinesPerWorker: number;
  collectors: number;
  specs: number;
  durationMs: number;
  killEveryMs: number;
}): Promise<RaceResult> {
  const { home, durationMs, killEveryMs } = options;
  await mkdir(join(home, 'running'), { recursive: true });
  const result: RaceResult = {
    ...{ pipelines: 0, hits: 0, made: 0, lostToCollector: 0, collections: 0, removed: 0, spared: 0, killed: 0 },
    ...{ violations: [], corrupt: [], left: 0 },
  };
  const end = Date.now() + durationMs;
  const isOver = () => Date.now() > end;
  const processes = [
    ...Array.from({ length: options.workers }, () =>
      keepRunning('./pipeline.process.ts', [home, `${options.specs}`, `${options.pipelinesPerWorker}`], result, isOver),
    ),
    ...Array.from({ length: options.collectors }, () => keepRunning('./collector.process.ts', [home], result, isOver)),
  ];
  let turn = 0;
  const freezing = (async () => {
    while (!isOver()) await processes[Math.floor(Math.random() * processes.length)]?.freeze(Math.random() * 200);
  })();
  while (!isOver() && result.violations.length === 0) {
    await sleep(Math.min(killEveryMs, Math.max(0, end - Date.now())));
    // Collectors every other time: the ends of their removals are what the others must cope with.
    const index = turn % 2 === 0 ? processes.length - 1 - (turn % options.collectors) : turn % options.workers;
    processes[index]?.kill();
    result.killed += 1;
    turn += 1;
    await endRunsOfKilled(home);
  }
  await freezing;
  const over = Promise.all(processes.map(({ done }) => done));
  const killing = setInterval(() => processes.forEach(({ kill }) => void kill()), 50);
  await over;
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
