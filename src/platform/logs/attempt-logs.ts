import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { ifPresent } from '../durable-files.js';
import { readRecord } from '../json-record.js';
import { newestChangeMs } from '../newest-change.js';

/*
 * Logs of tools in the store, where any host can read them: `logs/<workflow run id>/<step>-<activity>-<attempt>/` holds a record,
 * the log in segments that are named by where they begin in it, and the stacks of a tool that stalled. One attempt writes there.
 */

/** running: or its worker was killed. left: its worker went, and the next attempt waits for the same tool. */
const attemptStateSchema = z.enum(['running', 'succeeded', 'failed', 'cancelled', 'left']);
export type AttemptState = z.infer<typeof attemptStateSchema>;

const attemptRecordSchema = z.object({
  schema: z.literal('enginesmith/log/v1'),
  workflowId: z.string(),
  runId: z.string(),
  step: z.string(),
  /** Attempts are counted for each: a step that is made again is another one. Absent in records of releases before 0.6.1. */
  activityId: z.string().optional(),
  attempt: z.int(),
  host: z.string(),
  state: attemptStateSchema,
  startedAt: z.iso.datetime(),
  /** Null while it runs. */
  endedAt: z.iso.datetime().nullable(),
  /** Of a failed attempt: type and first line of what it said. */
  failure: z.object({ type: z.string(), message: z.string() }).nullable(),
});

/** What is known of one attempt at one step. */
export type AttemptRecord = z.infer<typeof attemptRecordSchema>;

/** An attempt whose log is in the store. */
export interface AttemptLog extends AttemptRecord {
  directory: string;
}

export const attemptFiles = (directory: string) => ({
  record: join(directory, 'record.json'),
  stacks: join(directory, 'stacks.txt'),
  segment: (offset: number) => join(directory, `${`${offset}`.padStart(15, '0')}.log`),
});

/** Where an attempt's log lies. Steps are named by us, runs by Temporal: both are plain file names. */
export const attemptDirectory = (
  logsDirectory: string,
  { runId, step, activityId, attempt }: Pick<AttemptRecord, 'runId' | 'step' | 'activityId' | 'attempt'>,
): string => {
  const names = [step, activityId, `${attempt}`].flatMap((name) =>
    name === undefined ? [] : encodeURIComponent(name),
  );
  return join(logsDirectory, encodeURIComponent(runId), names.join('-'));
};

/** The logs of a run, in the order in which its attempts began; none where no tool has run, or all were removed. */
export async function listAttemptLogs(logsDirectory: string, runId: string): Promise<AttemptLog[]> {
  const directory = join(logsDirectory, encodeURIComponent(runId));
  const found: AttemptLog[] = [];
  for (const name of (await ifPresent(() => readdir(directory))) ?? []) {
    const record = await readRecord(attemptFiles(join(directory, name)).record, attemptRecordSchema);
    if (record !== undefined) found.push({ ...record, directory: join(directory, name) });
  }
  return found.sort((left, right) => left.startedAt.localeCompare(right.startedAt) || left.attempt - right.attempt);
}

/** The logs of every run of a pipeline. @param id of its workflow, or of one run */
export async function listLogsOf(logsDirectory: string, id: string): Promise<AttemptLog[]> {
  const ofRun = await listAttemptLogs(logsDirectory, id);
  if (ofRun.length > 0) return ofRun;
  const found: AttemptLog[] = [];
  for (const name of (await ifPresent(() => readdir(logsDirectory))) ?? []) {
    const attempts = await listAttemptLogs(logsDirectory, decodeURIComponent(name));
    found.push(...attempts.filter(({ workflowId }) => workflowId === id));
  }
  return found.sort((left, right) => left.startedAt.localeCompare(right.startedAt));
}

/** Where the segments of a log begin, in order. */
export async function segmentOffsets(directory: string): Promise<number[]> {
  return ((await ifPresent(() => readdir(directory))) ?? [])
    .filter((name) => /^\d{15}\.log$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((left, right) => left - right);
}

/**
 * Removes the logs of runs of which nothing was written since. A run that goes on writes each second, so it is safe beside
 * workers; artifacts keep their own copies.
 * @returns the ids of the runs
 */
export async function removeLogsBefore(logsDirectory: string, cutoff: Date): Promise<string[]> {
  const removed: string[] = [];
  for (const name of (await ifPresent(() => readdir(logsDirectory))) ?? []) {
    const directory = join(logsDirectory, name);
    if ((await newestChangeMs(directory)) >= cutoff.getTime()) continue;
    await rm(directory, { recursive: true, force: true });
    removed.push(decodeURIComponent(name));
  }
  return removed;
}
