/**
 * How fast the store hashes, as ratios of one run on one machine: all threads against one thread, and against coreutils'
 * sha256sum (which uses no SHA instructions on many distributions). Run: npx tsx bench/store-hashing.ts [mebibytes]
 */
import { randomFillSync } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { execa } from 'execa';
import { createFileHasher } from '../src/platform/store/hash-files.js';
import { type ListedFile, listFiles } from '../src/platform/store/list-files.js';

const mebibyte = 1024 * 1024;
const repetitions = 3;
const fileCount = 8;
const totalMebibytes = Number(process.argv[2] ?? 512);

const directory = await mkdtemp(join(tmpdir(), 'enginesmith-bench-'));
try {
  await writeFiles();
  const { files } = await listFiles(directory);
  const threads = availableParallelism();
  const rows = {
    [`store, ${threads} threads`]: await timeStore(files, threads),
    'store, 1 thread': await timeStore(files, 1),
    sha256sum: await bestOf(() =>
      execa(
        'sha256sum',
        files.map(({ path }) => join(directory, path)),
      ),
    ),
  };
  const [fastestMs] = Object.values(rows);
  for (const [name, durationMs] of Object.entries(rows)) {
    const rate = Math.round((totalMebibytes * mebibyte) / 1e6 / (durationMs / 1000));
    const ratio = (durationMs / (fastestMs ?? durationMs)).toFixed(2);
    process.stdout.write(`${name.padEnd(18)} ${String(rate).padStart(6)} MB/s   the threads are ${ratio} x as fast\n`);
  }
} finally {
  await rm(directory, { recursive: true });
}

async function writeFiles(): Promise<void> {
  const block = Buffer.alloc(mebibyte);
  for (let index = 0; index < fileCount; index += 1) {
    const file = await open(join(directory, `shard-${index}.bin`), 'w');
    for (let written = 0; written < totalMebibytes / fileCount; written += 1) await file.write(randomFillSync(block));
    await file.close();
  }
}

/** Without the start of the threads, which a worker pays once. */
async function timeStore(files: readonly ListedFile[], threads: number): Promise<number> {
  const hasher = createFileHasher(threads);
  await hasher.hash(directory, files, { flush: false });
  const durationMs = await bestOf(() => hasher.hash(directory, files, { flush: false }));
  await hasher.close();
  return durationMs;
}

async function bestOf(operation: () => Promise<unknown>): Promise<number> {
  const durationsMs = [];
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const start = performance.now();
    await operation();
    durationsMs.push(performance.now() - start);
  }
  return Math.min(...durationsMs);
}
