import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent, publishDirectory } from '../durable-files.js';
import { readRecord, replaceRecord } from '../json-record.js';
import { runFiles } from './job-files.js';
import { type JobRecord, jobRecordSchema } from './job-records.js';

/** One run of a job's tool: `runs/<number>/` in the job's directory. The highest number is the current one. */
export interface Run {
  readonly number: number;
  readonly directory: string;
  readonly job: JobRecord;
}

/** @returns undefined when the job has never run, or was removed */
export async function currentRun(jobDirectory: string): Promise<Run | undefined> {
  const number = (await runNumbers(jobDirectory)).at(-1);
  if (number === undefined) return undefined;
  const directory = runDirectory(jobDirectory, number);
  const job = await readRecord(runFiles(directory).job, jobRecordSchema);
  return job && { number, directory, job };
}

/**
 * Creates the run after `previous`, whole. Only the two latest are kept: the log of the one that failed is still worth reading.
 * @returns undefined when another process has created it: exclusive creation decides a race
 */
export async function createRun(
  jobDirectory: string,
  previous: Run | undefined,
  job: Omit<JobRecord, 'runId'>,
): Promise<Run | undefined> {
  const number = (previous?.number ?? 0) + 1;
  const directory = runDirectory(jobDirectory, number);
  const record = { ...job, runId: randomUUID() };
  const prepared = join(runsDirectory(jobDirectory), `prepared-${record.runId}`);
  await mkdir(prepared, { recursive: true });
  try {
    await replaceRecord(runFiles(prepared).job, record);
    if (!(await publishDirectory(prepared, directory))) return undefined;
  } finally {
    await rm(prepared, { recursive: true, force: true });
  }
  for (const old of await runNumbers(jobDirectory)) {
    if (old < number - 1) await rm(runDirectory(jobDirectory, old), { recursive: true, force: true });
  }
  return { number, directory, job: record };
}

/** Removes every run; the ledger stays. */
export async function removeRuns(jobDirectory: string): Promise<void> {
  // Out of the way by one rename: a run that a crash left half removed would have its number and not its record.
  await ifPresent(() => rename(runsDirectory(jobDirectory), join(jobDirectory, `${removedPrefix}${randomUUID()}`)));
  for (const name of (await ifPresent(() => readdir(jobDirectory))) ?? []) {
    if (name.startsWith(removedPrefix)) await rm(join(jobDirectory, name), { recursive: true, force: true });
  }
}

/** Where a job lives. @throws EnginesmithFailure InvalidSpec when the id is no plain file name */
export function jobDirectoryOf(jobsDirectory: string, jobId: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(jobId)) return join(jobsDirectory, jobId);
  throw new EnginesmithFailure(
    'InvalidSpec',
    `A job id becomes a directory's name: use 1 to 200 letters, digits, ".", "_" and "-", not ${JSON.stringify(jobId.slice(0, 220))}.`,
  );
}

const removedPrefix = 'removed-';
const runsDirectory = (jobDirectory: string) => join(jobDirectory, 'runs');
const runDirectory = (jobDirectory: string, number: number) => join(runsDirectory(jobDirectory), String(number));

async function runNumbers(jobDirectory: string): Promise<number[]> {
  const names = (await ifPresent(() => readdir(runsDirectory(jobDirectory)))) ?? [];
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((left, right) => left - right);
}
