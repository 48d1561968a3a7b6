import { mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { StartOver } from './body-start.js';
import { type FileInProgress, fetchRest, type TransferSource } from './fetch-rest.js';
import type { HubFile } from './hub-file.js';
import { readJournal, stampFile, writeJournal } from './journal.js';
import { describeSubject } from './refusal.js';
import { type RetryPolicy, retryTransient } from './retry.js';
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
 * @throws EnginesmithFailure `IntegrityMismatch` when the bytes are wrong twice, `HubUnavailable` when the server stays away,
 *   `HubProtocolViolation`, `ModelNotFound`, `ModelAccessDenied`, `InsufficientDisk`
 */
export async function transferFile(task: TransferTask): Promise<TransferredFile> {
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
  const { file, subject, retry: policy, journalPath } = task;
  const inProgress: FileInProgress = {
    file,
    partial,
    etag: (await readJournal(journalPath)).etag,
    onEtag: (etag) => writeJournal(journalPath, etag === undefined ? {} : { etag }),
    onBytes: () => void Atomics.store(task.progress, task.slot, BigInt(partial.offset)),
  };
  const retryOptions = {
    policy,
    subject: `${file.path} of ${describeSubject(subject)}`,
    progress: () => partial.offset,
  };
  for (let isLastChance = false; ; isLastChance = true) {
    try {
      inProgress.onBytes();
      if (partial.offset < file.bytes) await retryTransient(() => fetchRest(task, inProgress), retryOptions);
      const sha256 = partial.verify();
      if (sha256 !== undefined) return sha256;
      throw new StartOver(mismatch(task));
    } catch (error) {
      if (!(error instanceof StartOver)) throw error;
      partial.reset();
      if (isLastChance) throw error.failure;
    }
  }
}

const mismatch = ({ file, subject }: TransferTask): EnginesmithFailure =>
  new EnginesmithFailure(
    'IntegrityMismatch',
    `${file.path} of ${describeSubject(subject)}: the bytes do not have the ${file.digest.algorithm} that the Hub announces, ` +
      'also when fetched anew. Something between the Hub and this host alters them: check proxies and mirrors, then run again.',
    { context: { path: file.path, algorithm: file.digest.algorithm, expected: file.digest.hex } },
  );
