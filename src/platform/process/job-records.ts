import * as z from 'zod';
import { processIdentitySchema } from './identity-schema.js';

/*
 * The files of a job directory. `attempts.json` lies in the directory itself and survives everything; the others belong to
 * one run, `runs/<number>/`. Nothing of a tool's environment is ever among them: it may hold secrets.
 */

/**
 * task: over when the tool's first process ends; what it leaves behind in its session is killed.
 * service: over when the last process of its session ends; launch_triton_server.py returns and leaves mpirun running.
 */
const jobKindSchema = z.enum(['task', 'service']);

/** `job.json`: what was asked. There before anybody can see the run. */
export const jobRecordSchema = z.object({
  runId: z.string(),
  kind: jobKindSchema,
  argv: z.array(z.string()).min(1),
  workingDirectory: z.string(),
  /** null: nobody has to come back for it. */
  ownerTimeoutMs: z.number().nullable(),
  killGraceMs: z.number(),
  /**
   * Ends what of the tool is no process of its session: a container. Run after the session has ended, again and again until it
   * exits 0, by whoever ends the run. Absent: the session is all.
   */
  endCommand: z.array(z.string()).min(1).optional(),
  /** The UUIDs of the GPUs that it was given. Absent in records of releases before 0.6.1. */
  gpus: z.array(z.string()).optional(),
});

/** `owner.json`: who waits for the run; its modification time is the owner's heartbeat. */
export const ownerRecordSchema = z.object({ token: z.string(), process: processIdentitySchema });

/** `claim.json`: created once. Its supervisor alone may start the tool; null: the run was given up before it had one. */
export const claimRecordSchema = z.object({ supervisor: processIdentitySchema.nullable() });

const memoryScopeSchema = z.enum(['run', 'worker', 'host']);

/** `tool.json`: the tool's first process, which leads its session. Written before the tool's program runs. */
export const toolRecordSchema = z.object({
  tool: processIdentitySchema,
  startedAt: z.iso.datetime(),
  /** Path of the run's own cgroup. Absent where the host gives none. */
  cgroup: z.string().optional(),
  /** The nearest counter of out-of-memory kills, before the tool ran. */
  memory: z.object({ scope: memoryScopeSchema, file: z.string(), kills: z.int() }).optional(),
});

/**
 * `exit.json`: how it ended. `endedBy` tool: its own outcome. request: it was told to. owner-timeout: no owner came back in
 * time. stalled: it showed no progress. lost: its supervisor was killed, so nobody saw how it ended.
 */
export const exitRecordSchema = z.object({
  runId: z.string(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  /**
   * Processes that the kernel killed meanwhile because memory ran out: of this run, of all that shares the worker's cgroup, or
   * of the whole host, where nothing nearer is counted. Absent where nobody counts.
   */
  outOfMemoryKills: z.object({ count: z.int(), scope: memoryScopeSchema }).optional(),
  endedBy: z.enum(['tool', 'request', 'owner-timeout', 'stalled', 'lost']),
});

/** `attempts.json`: the tool's own outcomes, a stall among them, oldest first; runs that were ended or lost are not. */
export const ledgerSchema = z.array(exitRecordSchema.partial({ endedBy: true }));

export type JobKind = z.infer<typeof jobKindSchema>;
export type JobRecord = z.infer<typeof jobRecordSchema>;
export type ToolRecord = z.infer<typeof toolRecordSchema>;
export type ExitRecord = z.infer<typeof exitRecordSchema>;
export type Ledger = z.infer<typeof ledgerSchema>;

/** `stop.json`, read by supervisors only: what whoever asked (SIGTERM) for the end of the tool wants. */
export interface StopRecord {
  /** How long the tool may take to finish. */
  graceMs: number;
  /** What its exit record shall say. */
  as: 'request' | 'stalled';
}
