import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { createArtifactStore } from '../../../src/platform/store/artifact-store.js';
import type { AttemptRecord } from '../../../src/platform/store/attempt-record.js';
import type { CommitOptions } from '../../../src/platform/store/commit.js';

export const record: AttemptRecord = {
  attemptId: 'attempt-1',
  step: 'build',
  argv: [['trtllm-build', '--output_dir', '/somewhere']],
  environment: { CUDA_VISIBLE_DEVICES: '0' },
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:00:01.000Z',
  host: 'builder',
  toolchain: 'cpu-reference',
};

/** A key as good as any: the store does not care what it is made of. */
export function keyOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-store-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A store in a directory of its own; `onOtherHost` opens the same store with an empty cache. */
export async function openStore() {
  const home = await temporaryDirectory();
  const directory = join(home, 'store');
  const open = (cache: string) => {
    const store = createArtifactStore({ directory, cacheDirectory: join(home, cache) });
    onTestFinished(() => store.close());
    return store;
  };
  return { home, directory, store: open('cache'), onOtherHost: () => open('other-cache') };
}

export type FileContents = Readonly<Record<string, string>>;

export async function writeFiles(directory: string, files: FileContents): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

type Store = ReturnType<typeof createArtifactStore>;

export async function commitFiles(store: Store, files: FileContents, options: Partial<CommitOptions> = {}) {
  const staging = await store.stage('engine');
  await writeFiles(staging.directory, files);
  return staging.commit({ key: keyOf('engine'), record, ...options });
}

/** All entries of a directory; none when it does not exist. */
export async function entriesOf(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

/** Digests of the artifacts that can be seen in a store. */
export async function visibleArtifacts(storeDirectory: string): Promise<string[]> {
  const shards = await entriesOf(join(storeDirectory, 'artifacts'));
  const digests = await Promise.all(shards.map((shard) => entriesOf(join(storeDirectory, 'artifacts', shard))));
  return digests.flat();
}

/** Enough files that a commit takes some time, in which it can be killed. */
export function manyFiles(label: string): FileContents {
  return Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [`shard-${index % 4}/${index}.bin`, `${label} ${index}`]),
  );
}

/** A script of this folder in a process of its own, which has started and waits for `go`. */
export async function startProcess(script: string, ...scriptArguments: string[]) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = execa(process.execPath, ['--import', 'tsx', path, ...scriptArguments], { reject: false });
  await once(child.stdout, 'data');
  return { child, go: () => child.stdin.write('go\n') };
}
