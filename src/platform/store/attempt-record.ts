import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActionKey, Digest } from '../../contracts/artifacts.js';
import { ifPresent, publishDirectory, synchronize, writeDurably } from '../durable-files.js';

/** How an artifact was made. Kept beside it, outside its digest: times and logs differ where the content does not. */
export interface AttemptRecord {
  attemptId: string;
  step: string;
  /** What it is made of, for people: a repository and its commit. */
  model?: string;
  /** The command lines that were run, in order. */
  argv: readonly (readonly string[])[];
  /** Values of the allow-listed environment variables. Never secrets: the caller chooses the names; passwords in addresses are left out. */
  environment: Readonly<Record<string, string>>;
  /** The tool's log; copied. */
  logPath?: string;
  /** ISO 8601. */
  startedAt: string;
  /** ISO 8601. */
  endedAt: string;
  host: string;
  /** Identity of the toolchain; null where none was involved. */
  toolchain: string | null;
}

const logFileName = 'tool.log';

/**
 * Keeps `record.json`, and the log, under `destination`. The record of an attempt that is there already stays: the
 * attempt was interrupted after it had written it.
 * @param scratch a directory of this attempt, on the store's file system
 */
export async function keepAttemptRecord(options: {
  record: AttemptRecord;
  key: ActionKey;
  digest: Digest;
  scratch: string;
  destination: string;
}): Promise<void> {
  const { logPath, ...facts } = options.record;
  const directory = join(options.scratch, 'record');
  await mkdir(directory);
  const log = logPath === undefined ? undefined : await keepLog(logPath, join(directory, logFileName));
  const content = {
    schema: 'enginesmith/record/v1',
    key: options.key,
    digest: options.digest,
    ...facts,
    environment: withoutCredentials(facts.environment),
    log: log ?? null,
  };
  await writeDurably(join(directory, 'record.json'), `${JSON.stringify(content, null, 2)}\n`);
  await synchronize(directory);
  await publishDirectory(directory, options.destination);
}

/** A proxy's or mirror's address may hold a password, which whoever may read the store need not know. */
export const withoutCredentials = (environment: AttemptRecord['environment']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replace(/(:\/\/)[^/?#\s]*@/g, '$1***@')]),
  );

/** A log that is gone is no reason to lose hours of GPU work. */
async function keepLog(from: string, to: string): Promise<string | undefined> {
  return ifPresent(async () => {
    await copyFile(from, to);
    await synchronize(to);
    return logFileName;
  });
}
