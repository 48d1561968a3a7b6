import { z } from 'zod';
import { processIdentitySchema } from './process/identity-schema.js';
import { isAlive, ownIdentity } from './process/process-identity.js';
import { createVersionedState } from './versioned-state.js';

/** A GPU of this host, or a virtual one of the reference toolchain. */
export interface GpuDevice {
  readonly index: number;
  /** As in `sm90`, `cpu`. */
  readonly class: string;
  readonly memoryBytes: number;
}

const leaseSchema = z.object({
  index: z.int(),
  /** A job id or `deployment/<name>/<revision>`: not a process, so that the next attempt finds its GPUs again. */
  holder: z.string(),
  since: z.iso.datetime(),
  /** The process that acquired it last; null when it has left the holder to itself. */
  owner: processIdentitySchema.nullable(),
});

type Lease = z.infer<typeof leaseSchema>;

interface AcquireOptions {
  readonly holder: string;
  readonly count: number;
  /** Only devices of this class. @default any */
  readonly class?: string | undefined;
  /** Only devices with at least so much memory each. @default 0 */
  readonly minimumMemoryBytes?: number | undefined;
}

/** Who uses which GPU of this host. */
export interface GpuLeases {
  /**
   * Leases all the devices asked for, or none. A holder that has them already gets the same ones again.
   * @returns undefined when too few are free
   */
  acquire(options: AcquireOptions): Promise<{ indices: number[] } | undefined>;
  /** Leaves the holder to itself: from now on its lease lasts as long as it is active, whatever becomes of this process. */
  leave(holder: string): Promise<void>;
  /** Gives back all that the holder has. Does nothing when it has none. */
  release(holder: string): Promise<void>;
  list(): Promise<{ index: number; holder: string; since: string }[]>;
}

export interface GpuLeasesOptions {
  /** On this host, for this host: leases name its processes. */
  readonly directory: string;
  readonly devices: readonly GpuDevice[];
  /** Whether anything of the holder still runs: a supervised job, a served revision. */
  readonly isHolderActive: (holder: string) => Promise<boolean>;
}

/**
 * Leases kept in files, safe among any number of processes. A lease ends by `release`; one whose owner process is dead, or
 * has left it, and whose holder is not active is forgotten by whoever needs the device.
 */
export function createGpuLeases({ directory, devices, isHolderActive }: GpuLeasesOptions): GpuLeases {
  const state = createVersionedState({ directory, schema: z.array(leaseSchema), initial: [] });

  const isInUse = async ({ owner, holder }: Lease) =>
    (owner !== null && isAlive(owner)) || (await isHolderActive(holder));

  return {
    async acquire({ holder, count, class: deviceClass, minimumMemoryBytes = 0 }) {
      const suitable = devices
        .filter((device) => deviceClass === undefined || device.class === deviceClass)
        .filter((device) => device.memoryBytes >= minimumMemoryBytes)
        .map(({ index }) => index);
      let indices: number[] | undefined;
      await state.update(async (leases) => {
        const own = leases.filter((lease) => lease.holder === holder);
        const kept = own.filter(({ index }) => suitable.includes(index)).slice(0, count);
        const others: Lease[] = [];
        for (const lease of leases) if (lease.holder !== holder && (await isInUse(lease))) others.push(lease);
        const taken = new Set([...kept, ...others].map(({ index }) => index));
        const added = suitable.filter((index) => !taken.has(index)).slice(0, count - kept.length);
        indices = undefined;
        if (kept.length + added.length < count) return undefined;

        const owner = ownIdentity();
        const since = new Date().toISOString();
        const held = [
          ...kept.map((lease) => ({ ...lease, owner })),
          ...added.map((index) => ({ index, holder, since, owner })),
        ];
        indices = held.map(({ index }) => index).sort((left, right) => left - right);
        return [...others, ...held];
      });
      return indices && { indices };
    },

    async leave(holder) {
      await state.update(async (leases) =>
        leases.some((lease) => lease.holder === holder && lease.owner !== null)
          ? leases.map((lease) => (lease.holder === holder ? { ...lease, owner: null } : lease))
          : undefined,
      );
    },

    async release(holder) {
      await state.update(async (leases) => {
        const others = leases.filter((lease) => lease.holder !== holder);
        return others.length === leases.length ? undefined : others;
      });
    },

    async list() {
      const leases = await state.read();
      return leases
        .map(({ index, holder, since }) => ({ index, holder, since }))
        .sort((left, right) => left.index - right.index);
    },
  };
}
