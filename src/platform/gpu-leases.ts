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
  /** As `nvidia-smi -L` prints it: names the GPU whatever order CUDA and the driver count in. */
  readonly uuid?: string | undefined;
}

const leaseSchema = z.object({
  index: z.int(),
  /** A job id or `deployment/<name>/<revision>`: not a process, so that the next attempt finds its GPUs again. */
  holder: z.string(),
  since: z.iso.datetime(),
  /** The process that acquired it last; null when it has left the holder to itself. */
  owner: processIdentitySchema.nullable(),
  /** By whom and until when it is kept for a holder that has yet to come for it. */
  handedOver: z.object({ by: z.string(), until: z.iso.datetime() }).optional(),
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

interface HandOverOptions extends AcquireOptions {
  /** Whose devices become the holder's; free ones make up the count where they are too few. */
  readonly from: string;
  /** How long they are kept after whoever had them has ended, for a holder that does not come at once. */
  readonly reservedMs: number;
}

/** Who uses which GPU of this host. */
export interface GpuLeases {
  /**
   * Leases all the devices asked for, or none. A holder that has them already gets the same ones again.
   * @returns undefined when too few are free
   */
  acquire(options: AcquireOptions): Promise<{ indices: number[] } | undefined>;
  /**
   * Makes devices of one holder those of another in one step, all that are asked for or none: nobody else comes between. It
   * lasts as long as `from` is active, which may still use them, and then until the new holder acquires or time is up.
   * @returns undefined when both have too few, and too few are free
   */
  handOver(options: HandOverOptions): Promise<{ indices: number[] } | undefined>;
  /** Makes this process the owner of what the holder has: it stays leased while this process lives, also to a holder that fell. */
  keep(holder: string): Promise<void>;
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

  const isInUse = async ({ owner, holder, handedOver }: Lease) =>
    (owner !== null && isAlive(owner)) ||
    (handedOver !== undefined && Date.parse(handedOver.until) > Date.now()) ||
    (await isHolderActive(holder)) ||
    (handedOver !== undefined && (await isHolderActive(handedOver.by)));

  /** Divides the leases for a holder that takes what it has, then what `from` has, then free devices. */
  async function divide(
    leases: readonly Lease[],
    { holder, count, class: deviceClass, minimumMemoryBytes = 0, from }: AcquireOptions & { from?: string },
  ): Promise<{ others: Lease[]; indices: number[] } | undefined> {
    const suitable = devices
      .filter((device) => deviceClass === undefined || device.class === deviceClass)
      .filter((device) => device.memoryBytes >= minimumMemoryBytes)
      .map(({ index }) => index);
    const leasedTo = (name: string | undefined) =>
      leases.filter((lease) => lease.holder === name).map(({ index }) => index);
    const indices = [...leasedTo(holder), ...leasedTo(from)]
      .filter((index) => suitable.includes(index))
      .slice(0, count);
    const others: Lease[] = [];
    for (const lease of leases) {
      if (lease.holder === holder || indices.includes(lease.index)) continue;
      if (lease.holder === from || (await isInUse(lease))) others.push(lease);
    }
    const taken = new Set([...indices, ...others.map(({ index }) => index)]);
    indices.push(...suitable.filter((index) => !taken.has(index)).slice(0, count - indices.length));
    return indices.length < count ? undefined : { others, indices };
  }

  async function lease(
    options: AcquireOptions & { from?: string },
    terms: () => Pick<Lease, 'owner' | 'handedOver'>,
  ): Promise<{ indices: number[] } | undefined> {
    let indices: number[] | undefined;
    await state.update(async (leases) => {
      const divided = await divide(leases, options);
      indices = divided?.indices;
      if (divided === undefined) return undefined;
      const { holder } = options;
      const since = (index: number): string =>
        leases.find((known) => known.index === index && known.holder === holder)?.since ?? new Date().toISOString();
      const held = divided.indices.map((index) => ({ index, holder, since: since(index), ...terms() }));
      return [...divided.others, ...held];
    });
    return indices && { indices: indices.toSorted((left, right) => left - right) };
  }

  const setOwner = (holder: string, owner: Lease['owner']): Promise<void> =>
    state.update(async (leases) =>
      leases.some((known) => known.holder === holder)
        ? leases.map((known) => (known.holder === holder ? { ...known, owner } : known))
        : undefined,
    );

  return {
    acquire: (options) => lease(options, () => ({ owner: ownIdentity() })),

    handOver: ({ reservedMs, ...options }) =>
      lease(options, () => ({
        owner: null,
        handedOver: { by: options.from, until: new Date(Date.now() + reservedMs).toISOString() },
      })),

    keep: (holder) => setOwner(holder, ownIdentity()),

    leave: (holder) => setOwner(holder, null),

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
