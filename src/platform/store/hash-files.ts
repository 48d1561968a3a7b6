import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Piscina } from 'piscina';
import type { ManifestFile } from '../../contracts/artifacts.js';
import { entryPoint } from '../entry-point.js';
import type { HashedFile, HashFileTask } from './hash-file.worker.js';
import type { ListedFile } from './list-files.js';

/** Seen from outside, e.g. as a metric: what the store has read to hash since it was created. */
export interface HashingTotals {
  files: number;
  bytes: number;
}

export interface FileHasher {
  /** Hashes files below `root` in worker threads; flushes them as well when they are about to be committed. */
  hash(root: string, files: readonly ListedFile[], options: { flush: boolean }): Promise<ManifestFile[]>;
  totals(): HashingTotals;
  close(): Promise<void>;
}

/** @param threads at most this many files are hashed at once. @default one a core */
export function createFileHasher(threads = availableParallelism()): FileHasher {
  let pool: Promise<Piscina<HashFileTask, HashedFile>> | undefined;
  const totals: HashingTotals = { files: 0, bytes: 0 };

  return {
    async hash(root, files, { flush }) {
      if (files.length === 0) return [];
      const { filename, execArgv } = entryPoint('platform/store/hash-file.worker');
      // sha256 is sequential within a file: the biggest ones go first, lest one of them ends long after all the others.
      const biggestFirst = [...files].sort((left, right) => right.bytes - left.bytes);
      // Loaded when there is something to hash: who only looks up, as a plan does, needs no threads.
      pool ??= import('piscina').then(
        ({ Piscina }) => new Piscina({ filename, execArgv, minThreads: 0, maxThreads: threads, idleTimeout: 10_000 }),
      );
      const running = await pool;
      return Promise.all(
        biggestFirst.map(async ({ path }) => {
          const { bytes, sha256 } = await running.run({ absolutePath: join(root, path), flush });
          totals.files += 1;
          totals.bytes += bytes;
          return { path, bytes, sha256 };
        }),
      );
    },
    totals: () => ({ ...totals }),
    async close() {
      await (await pool)?.close();
      pool = undefined;
    },
  };
}
