import { createHash, randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent } from '../durable-files.js';
import { readRecord } from '../json-record.js';
import { ownIdentity } from '../process/process-identity.js';
import type { HubFile } from './hub-file.js';

const stampSchema = z.object({ bytes: z.number(), mtimeNs: z.string(), inode: z.string(), bootId: z.string() });

export type FileStamp = z.infer<typeof stampSchema>;

const journalSchema = z.object({
  /** Strong entity tag under which the server sent the bytes: what a resumed request must still find. */
  etag: z.string().optional(),
  /** Set once the file was verified and has its visible name. */
  completed: z.object({ sha256: z.string(), stamp: stampSchema }).optional(),
});

/** What outlives a killed process, beside the partial file itself, whose length is the offset. */
export type Journal = z.infer<typeof journalSchema>;

/** One name for a path and a content: another commit's version of a file never continues this one's partial. */
export const transferKey = ({ path, digest }: HubFile): string =>
  createHash('sha256').update(`${path}\0${digest.algorithm}\0${digest.hex}`).digest('hex').slice(0, 32);

export const journalPath = (stateDirectory: string, file: HubFile): string =>
  join(stateDirectory, `${transferKey(file)}.json`);

/** A journal that is missing or unreadable costs hashing, never correctness. */
export async function readJournal(path: string): Promise<Journal> {
  try {
    return (await readRecord(path, journalSchema)) ?? {};
  } catch (error) {
    if (error instanceof EnginesmithFailure) return {};
    throw error;
  }
}

/** Synchronous: it is written between a response's head and its first byte. */
export function writeJournal(path: string, journal: Journal): void {
  const temporaryPath = `${path}.${randomBytes(4).toString('hex')}`;
  writeFileSync(temporaryPath, JSON.stringify(journal));
  renameSync(temporaryPath, path);
}

/**
 * Identifies the bytes of a file without reading them. The boot is part of it: files are not flushed here (whoever keeps
 * them does that), so after a crash of the host, size and time prove nothing.
 */
export async function stampFile(path: string): Promise<FileStamp | undefined> {
  const found = await ifPresent(() => stat(path, { bigint: true }));
  if (found === undefined || !found.isFile()) return undefined;
  const { bootId } = ownIdentity();
  return { bytes: Number(found.size), mtimeNs: String(found.mtimeNs), inode: String(found.ino), bootId };
}
