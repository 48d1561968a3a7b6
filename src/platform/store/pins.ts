import { readdir, rm } from 'node:fs/promises';
import pLimit from 'p-limit';
import * as z from 'zod';
import type { Digest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent, makeDirectoryDurably, unlessMissing } from '../durable-files.js';
import { readRecord, replaceRecord } from '../json-record.js';
import { isSha256, type StoreLayout } from './layout.js';
import type { Presence } from './presence.js';

const pinSchema = z.object({
  digest: z.string().refine(isSha256),
  /** For the people who find it: why it is kept. */
  note: z.string(),
  /** ISO 8601. */
  pinnedAt: z.string(),
});

export type Pin = z.infer<typeof pinSchema>;

/** What people have said is to be kept, whoever needs it or does not. */
export interface Pins {
  /** Pins an artifact, or changes its note. @throws NotFound when it is not there, or is being removed at this moment */
  pin(digest: Digest, note: string): Promise<void>;
  /** @returns false when it was not pinned */
  unpin(digest: Digest): Promise<boolean>;
  list(): Promise<Pin[]>;
  /** Cheap: names only. */
  digests(): Promise<Set<Digest>>;
}

export function createPins({ layout, presence }: { layout: StoreLayout; presence: Presence }): Pins {
  const digests = async () => {
    const names = (await ifPresent(() => readdir(layout.pins))) ?? [];
    return new Set(
      names
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -'.json'.length))
        .filter(isSha256),
    );
  };
  return {
    async pin(digest, note) {
      await makeDirectoryDurably(layout.pins);
      await replaceRecord(layout.pin(digest), { digest, note, pinnedAt: new Date().toISOString() });
      if (await presence.hold(digest)) return;
      await rm(layout.pin(digest), { force: true });
      throw new EnginesmithFailure('NotFound', `The store has no artifact ${digest.slice(0, 12)}.`, {
        context: { digest },
      });
    },
    async unpin(digest) {
      return unlessMissing(() => rm(layout.pin(digest)));
    },
    async list() {
      const limit = pLimit(16);
      const pins = [...(await digests())].map((digest) => limit(() => readRecord(layout.pin(digest), pinSchema)));
      return (await Promise.all(pins)).filter((pin) => pin !== undefined);
    },
    digests,
  };
}
