import * as z from 'zod';

/** How far an attempt at a step is, as its worker tells with each heartbeat. */
const stepProgressSchema = z.object({
  /** What it does now, completing "… 12 of 512 batches". */
  phase: z.string().max(100),
  done: z.number().nonnegative(),
  /** Null where the tool does not say. */
  total: z.number().nonnegative().nullable(),
  /** Of `done` and `total`, in the plural; empty where the phase has no count. */
  unit: z.string().max(40),
  /** Since this worker watches; null while it is not known. */
  ratePerSecond: z.number().nonnegative().nullable(),
  /** Until this phase ends. */
  etaSeconds: z.number().nonnegative().nullable(),
});

/** Details of a step's heartbeats. They may come from a worker of another version: whoever reads them parses them. */
export const heartbeatDetailsSchema = z.object({
  step: z.string().max(100),
  host: z.string().max(100),
  progress: stepProgressSchema.nullable(),
});

export type StepProgress = z.infer<typeof stepProgressSchema>;
export type HeartbeatDetails = z.infer<typeof heartbeatDetailsSchema>;
