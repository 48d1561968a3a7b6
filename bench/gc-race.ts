/**
 * Garbage collection racing running pipelines, frozen and killed at random: what was removed, found and made, and whether
 * anything in use ever was. Then how long listing and collecting many artifacts takes.
 * Run: npx tsx bench/gc-race.ts [minutes] [artifacts]
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Manifest } from '../src/contracts/artifacts.js';
import { createStoreAdministration } from '../src/platform/store/administration.js';
import type { LiveUse } from '../src/platform/store/keep-reasons.js';
import { storeLayout } from '../src/platform/store/layout.js';
import { manifestDigest } from '../src/platform/store/manifest.js';
import { race } from '../test/support/gc-race/race.js';

const minutes = Number(process.argv[2] ?? 5);
const artifacts = Number(process.argv[3] ?? 10_000);
const sha256 = (index: number): string => index.toString(16).padStart(64, '0');

const home = await mkdtemp(join(tmpdir(), 'enginesmith-bench-'));
try {
  const raced = { workers: 4, pipelinesPerWorker: 5, collectors: 2, specs: 12 };
  const result = await race({ home, ...raced, atMostMs: minutes * 60_000, killEveryMs: 5_000 });
  const { violations, corrupt, ...counts } = result;
  process.stdout.write(`20 pipelines, ${raced.collectors} collectors, ${minutes} min: ${JSON.stringify(counts)}\n`);
  for (const problem of [...violations, ...corrupt]) process.stdout.write(`WRONG: ${problem}\n`);
  process.stdout.write(`in use and removed: ${violations.length}; left damaged: ${corrupt.length}\n`);
  if (violations.length + corrupt.length + result.left > 0) process.exitCode = 1;
  await timeMany(join(home, 'many'));
} finally {
  await rm(home, { recursive: true, force: true });
}

/** A store of small artifacts, half of which one run needs. */
async function timeMany(directory: string): Promise<void> {
  const layout = storeLayout(directory);
  for (let index = 0; index < artifacts; index += 1) {
    const files = [{ path: 'rank0.engine', bytes: 4, sha256: sha256(index) }];
    const manifest: Manifest = { schema: 'enginesmith/artifact/v1', kind: 'engine', files };
    const digest = manifestDigest(manifest);
    const folder = layout.artifact(digest);
    await mkdir(join(folder, 'files'), { recursive: true });
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    await writeFile(join(folder, 'files', 'rank0.engine'), 'test');
    await mkdir(join(layout.action(sha256(index)), '..'), { recursive: true });
    await writeFile(layout.action(sha256(index)), JSON.stringify({ key: sha256(index), digest }));
    if (index % 2 === 0) continue;
    const root = layout.root(`run-${index % 100}`, sha256(index), digest);
    await mkdir(join(root, '..'), { recursive: true });
    await writeFile(root, JSON.stringify({ key: sha256(index), digest }));
  }
  const runs = Array.from({ length: 100 }, (_, index) => `run-${index}`);
  const live: LiveUse = { namespace: 'default', running: new Set(runs), runningRunIds: new Set(runs), deployments: [] };
  const store = createStoreAdministration({ directory, cacheDirectory: join(directory, 'cache') });
  const timed = async <Result>(what: string, work: () => Promise<Result>): Promise<Result> => {
    const start = performance.now();
    const made = await work();
    process.stdout.write(`${artifacts} artifacts: ${what} ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
    return made;
  };
  const options = { ask: async () => live, rules: { lastRuns: 0, graceMs: 0 } };
  await timed('list', () => store.usage(options));
  await timed('gc --dry-run', () => store.collect({ ...options, dryRun: true }));
  const { removed, kept } = await timed('gc', () => store.collect(options));
  process.stdout.write(`removed ${removed.length}, kept ${kept.length}\n`);
  await store.close();
}
