import { mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { orDiskFailure } from './disk-failure.js';
import type { TransferSource } from './fetch-rest.js';
import { fetchVerified } from './fetch-verified.js';
import type { HubFile } from './hub-file.js';
import { readJournal, stampFile, writeJournal } from './journal.js';
import type { RetryPolicy } from './retry.js';
import { openVerifiedPartial, type VerifiedPartial } from './verified-partial.js';

/** All that one file's transfer needs; crosses into a worker thread. */
export interface TransferTask extends TransferSource {
  file: HubFile;
  partialPath: string;
  journalPath: string;
  /** The file's visible name. */
  targetPath: string;
  retry: RetryPolicy;
  /** One counter a file of bytes that have arrived; this task's is at `slot`. */
  progress: BigInt64Array;
  slot: number;
}

/** What is known of a file that is verified and has its visible name. */
export interface TransferredFile {
  path: string;
  bytes: number;
  sha256: string;
}

/**
 * Brings one file to its visible name, verified: goes on from its partial file, survives cuts, stalls and busy servers.
 * @throws EnginesmithFailure as `fetchVerified`, and `InsufficientDisk`
 */
export async function transferFile(task: TransferTask): Promise<TransferredFile> {
  const { path, bytes } = task.file;
  try {
    return await bringToName(task);
  } catch (error) {
    throw orDiskFailure(error, `${path} was downloaded`, { path, neededBytes: bytes });
  }
}

async function bringToName(task: TransferTask): Promise<TransferredFile> {
  const { file, partialPath, journalPath, targetPath } = task;
  const partial = openVerifiedPartial(partialPath, file);
  let sha256: string;
  try {
    sha256 = await completePartial(task, partial);
  } finally {
    partial.close();
  }
  // The journal first: a file under its visible name without an entry there is one that nobody vouches for.
  const stamp = await stampFile(partialPath);
  if (stamp !== undefined) writeJournal(journalPath, { completed: { sha256, stamp } });
  mkdirSync(dirname(targetPath), { recursive: true });
  renameSync(partialPath, targetPath);
  return { path: file.path, bytes: file.bytes, sha256 };
}

async function completePartial(task: TransferTask, partial: VerifiedPartial): Promise<string> {
  const { file, journalPath } = task;
  return fetchVerified(task, {
    file,
    partial,
    etag: (await readJournal(journalPath)).etag,
    onEtag: (etag) => writeJournal(journalPath, etag === undefined ? {} : { etag }),
    onBytes: () => void Atomics.store(task.progress, task.slot, BigInt(partial.offset)),
  });
}
