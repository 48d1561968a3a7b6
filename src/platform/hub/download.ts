import { mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent } from '../durable-files.js';
import { entryPoint } from '../entry-point.js';
import { freeBytesOf } from '../free-bytes.js';
import { orDiskFailure } from './disk-failure.js';
import { assertSafePath, type HubFile } from './hub-file.js';
import { type FileStamp, journalPath, readJournal, stampFile, transferKey } from './journal.js';
import { createPartialClaims } from './partial-claims.js';
import type { TransferAnswer } from './transfer.worker.js';
import type { TransferredFile, TransferTask } from './transfer-file.js';

/** Bytes that are there, of all; those of earlier attempts count. */
export interface DownloadProgress {
  bytes: number;
  totalBytes: number;
}

export interface DownloadOptions {
  files: readonly HubFile[];
  /** Gets the files, and nothing else; what a killed attempt needs to go on is in `<directory>.download` beside it. */
  directory: string;
  /** Called twice a second. */
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** The parts of a transfer that do not depend on the run. */
  describe(
    file: HubFile,
  ): Omit<TransferTask, 'file' | 'partialPath' | 'journalPath' | 'targetPath' | 'progress' | 'slot'>;
}

const PROGRESS_INTERVAL_MS = 500;

/**
 * Downloads files in worker threads, one a file, at most one a core, the biggest first.
 * @returns one entry a file, in the order of `files`
 * @throws EnginesmithFailure as `transferFile`, and `InsufficientDisk` before the first request
 */
export async function downloadFiles(options: DownloadOptions): Promise<TransferredFile[]> {
  const { directory } = options;
  try {
    return await downloadMissing(options);
  } catch (error) {
    throw orDiskFailure(error, `the download into ${directory} was prepared`, { directory });
  }
}

async function downloadMissing(options: DownloadOptions): Promise<TransferredFile[]> {
  const { files, directory, signal } = options;
  for (const { path } of files) assertSafePath(path);
  const stateDirectory = `${directory}.download`;
  // Not the asynchronous one: it says ENOENT of a full disk.
  mkdirSync(directory, { recursive: true });
  const claims = createPartialClaims(stateDirectory);

  const done = new Map<string, TransferredFile>();
  const unverifiedBytes = new Map<string, number>();
  for (const file of files) {
    const stamp = await stampFile(join(directory, file.path));
    if (stamp === undefined) continue;
    const completed = await findCompleted(file, stamp, stateDirectory);
    if (completed === undefined) unverifiedBytes.set(file.path, stamp.bytes);
    else done.set(file.path, completed);
  }
  const missing = files.filter(({ path }) => !done.has(path)).sort((left, right) => right.bytes - left.bytes);
  signal?.throwIfAborted();
  const claim = ({ path }: HubFile, key: string): Promise<string> => {
    // A visible file that no journal vouches for, after a crash of the host say, is verified like any partial one.
    const bytes = unverifiedBytes.get(path);
    return claims.claim(key, bytes === undefined ? undefined : { path: join(directory, path), bytes });
  };
  const partialPaths = await Promise.all(missing.map((file) => claim(file, transferKey(file))));
  try {
    await requireDisk(missing, partialPaths, directory);
    for (const file of await transferAll(options, missing, partialPaths, stateDirectory)) done.set(file.path, file);
  } finally {
    // After the threads have ended: none may write a partial file that another attempt takes over.
    await Promise.all(missing.map((file, index) => claims.release(transferKey(file), partialPaths[index] ?? '')));
  }
  return files.flatMap(({ path }) => done.get(path) ?? []);
}

/**
 * A file that an earlier attempt verified, and that nobody has touched since.
 * @param stamp of the visible file, taken before this reads the journal: there, a file is vouched for before it gets its
 *   name, so that what another download completes at this moment is never taken for unverified, and away from it
 */
async function findCompleted(
  file: HubFile,
  stamp: FileStamp,
  stateDirectory: string,
): Promise<TransferredFile | undefined> {
  const { completed } = await readJournal(journalPath(stateDirectory, file));
  if (completed === undefined || JSON.stringify(stamp) !== JSON.stringify(completed.stamp)) return undefined;
  return { path: file.path, bytes: file.bytes, sha256: completed.sha256 };
}

async function requireDisk(
  files: readonly HubFile[],
  partialPaths: readonly string[],
  directory: string,
): Promise<void> {
  const present = await Promise.all(partialPaths.map((path) => ifPresent(() => stat(path))));
  const neededBytes = files.reduce(
    (sum, { bytes }, index) => sum + Math.max(0, bytes - (present[index]?.size ?? 0)),
    0,
  );
  const freeBytes = await freeBytesOf(directory);
  if (neededBytes <= freeBytes) return;
  throw new EnginesmithFailure(
    'InsufficientDisk',
    `${directory}: the download needs ${neededBytes} more bytes, the file system has ${freeBytes}. ` +
      'Free space there, or put ENGINESMITH_CACHE on a larger one; then run again.',
    // Known before the first byte: waiting heals nothing, and a day of retries would hide it.
    { retryable: false, context: { known: true, directory, neededBytes, freeBytes } },
  );
}

async function transferAll(
  { files, directory, describe, onProgress, signal }: DownloadOptions,
  missing: readonly HubFile[],
  partialPaths: readonly string[],
  stateDirectory: string,
): Promise<TransferredFile[]> {
  if (missing.length === 0) return [];
  const { filename, execArgv } = entryPoint('platform/hub/transfer.worker');
  const threads = Math.min(availableParallelism(), missing.length);
  const pool = new Piscina<TransferTask, TransferAnswer>({
    filename,
    execArgv,
    minThreads: threads,
    maxThreads: threads,
  });
  const progress = new BigInt64Array(new SharedArrayBuffer(missing.length * BigInt64Array.BYTES_PER_ELEMENT));

  const totalBytes = sumBytes(files);
  const completedBytes = totalBytes - sumBytes(missing);
  const report = (): void => {
    const arrived = progress.reduce((sum, _, slot) => sum + Atomics.load(progress, slot), 0n);
    onProgress?.({ bytes: completedBytes + Number(arrived), totalBytes });
  };
  const ticker = setInterval(report, PROGRESS_INTERVAL_MS);

  const run = async (file: HubFile, slot: number): Promise<TransferredFile> => {
    const task: TransferTask = {
      ...describe(file),
      file,
      partialPath: partialPaths[slot] ?? '',
      journalPath: journalPath(stateDirectory, file),
      targetPath: join(directory, file.path),
      progress,
      slot,
    };
    const answer = await pool.run(task, signal === undefined ? {} : { signal });
    if ('done' in answer) return answer.done;
    throw new EnginesmithFailure(answer.failed.type, answer.failed.message, answer.failed.options);
  };
  try {
    // A thread that dies between tasks is told to the pool only; unheard, it would end the process.
    const broken = new Promise<never>((_, reject) => pool.on('error', reject));
    const transferred = await Promise.race([Promise.all(missing.map(run)), broken]);
    report();
    return transferred;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearInterval(ticker);
    // Ends the threads of files that are still on their way: one file that cannot be had fails the download.
    await pool.destroy();
  }
}

const sumBytes = (files: readonly HubFile[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);
