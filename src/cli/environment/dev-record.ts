import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, replaceRecord } from '../../platform/json-record.js';
import { processIdentitySchema } from '../../platform/process/identity-schema.js';
import { isAlive } from '../../platform/process/process-identity.js';

const devRecordSchema = z.object({
  schema: z.literal('enginesmith/dev/v1'),
  /** The `dev` itself. */
  process: processIdentitySchema,
  phase: z.enum(['starting', 'ready', 'stopping']),
  temporalAddress: z.string(),
  webUi: z.string(),
  hubEndpoint: z.string(),
  metricsUrl: z.string(),
  /** Absent in records of releases without an evidence server. */
  evidenceUrl: z.string().optional(),
  logs: z.string(),
  /** Leaders of the sessions that it started, so that the next one can end what a killed one left. */
  children: z.array(z.object({ name: z.string(), process: processIdentitySchema })),
});

/** `dev.json`: how other commands find the embedded environment of a home. */
export type DevRecord = z.infer<typeof devRecordSchema>;

const fileOf = (home: string): string => join(home, 'dev.json');

/** The record of a home, also of a `dev` that was killed. */
export const readDevRecord = (home: string): Promise<DevRecord | undefined> =>
  readRecord(fileOf(home), devRecordSchema);

/** The embedded environment that runs for a home now. */
export async function findDev(home: string): Promise<DevRecord | undefined> {
  const record = await readDevRecord(home);
  return record !== undefined && isAlive(record.process) ? record : undefined;
}

export const writeDevRecord = (home: string, record: DevRecord): Promise<void> => replaceRecord(fileOf(home), record);

export const removeDevRecord = (home: string): Promise<void> => rm(fileOf(home), { force: true });
