import * as z from 'zod';
import { processIdentitySchema } from '../process/identity-schema.js';
import { type GpuDevice, uuidOf } from './device.js';

const leaseSchema = z.object({
  /** Absent in leases of release 0.4, which named devices by their index. */
  uuid: z.string().optional(),
  index: z.int(),
  /** A job id, as of a step's tool or a revision's Triton: not a process, so that the next attempt finds its GPUs again. */
  holder: z.string(),
  since: z.iso.datetime(),
  /** The process that acquired it last; null when it has left the holder to itself. */
  owner: processIdentitySchema.nullable(),
  /** By whom and until when it is kept for a holder that has yet to come for it. */
  handedOver: z.object({ by: z.string(), until: z.iso.datetime() }).optional(),
  /** Whether it lasts as long as a revision serves: nobody knows when it ends. */
  serving: z.boolean().default(false),
});
export type Lease = z.infer<typeof leaseSchema>;

/** Somebody who comes again and again until there are devices. */
const waiterSchema = z.object({
  holder: z.string(),
  count: z.int().positive(),
  class: z.string().optional(),
  /** The run that it is a step of. */
  borrower: z.string().optional(),
  minimumMemoryBytes: z.number().default(0),
  /** Since when it wants them: its place in the line, which it keeps across attempts and workers. */
  since: z.iso.datetime(),
  /** It is forgotten when it has not come again by then. */
  until: z.iso.datetime(),
});
export type Waiter = z.infer<typeof waiterSchema>;

/** A device that a revision has left to steps of some runs: everybody else finds it leased, as long as it serves nothing. */
const loanSchema = z.object({
  uuid: z.string(),
  index: z.int(),
  /** Whose it is again, without a place in the line, as soon as no step works on it. */
  holder: z.string(),
  since: z.iso.datetime(),
  /** The runs whose steps may lease it. */
  to: z.array(z.string()),
  /** It is over when nobody has renewed it by then: its deployment was terminated. */
  until: z.iso.datetime(),
});
export type Loan = z.infer<typeof loanSchema>;

/** A device that was not clean when its holder left it. */
const quarantineSchema = z.object({
  uuid: z.string(),
  index: z.int(),
  /** Whose processes are left. */
  holder: z.string(),
  reason: z.string(),
  pids: z.array(z.int()),
  /** Those that this host shows: the device is not clean while one lives, also when nobody knows any more whose it was. */
  processes: z.array(processIdentitySchema),
  since: z.iso.datetime(),
  checkedAt: z.iso.datetime(),
});
export type Quarantine = z.infer<typeof quarantineSchema>;

/** A device that did not pass the checks before a tool: others are given first, for a while. */
const doubtSchema = z.object({ uuid: z.string(), until: z.iso.datetime() });

export interface LeaseState {
  leases: Lease[];
  waiters: Waiter[];
  quarantined: Quarantine[];
  loans: Loan[];
  doubted: z.infer<typeof doubtSchema>[];
}

/** Release 0.4 kept a list of leases. */
export const leaseStateSchema: z.ZodType<LeaseState> = z.union([
  z.object({
    leases: z.array(leaseSchema),
    waiters: z.array(waiterSchema),
    quarantined: z.array(quarantineSchema),
    // Release 0.5 knew none.
    loans: z.array(loanSchema).default([]),
    // Release 0.6.0 knew none.
    doubted: z.array(doubtSchema).default([]),
  }),
  z.array(leaseSchema).transform((leases) => ({ leases, waiters: [], quarantined: [], loans: [], doubted: [] })),
]);

/** Whether a lease is of this device. */
export const isOf = (lease: Pick<Lease, 'uuid' | 'index'>, device: GpuDevice): boolean =>
  lease.uuid === undefined ? lease.index === device.index : lease.uuid === uuidOf(device);
