import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { chmod, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifPresent } from '../durable-files.js';
import { isAbandoned, newStagingName } from '../store/staging-owner.js';

const SUFFIX = '.part';
/** Stands for the owner in the name of a partial file whose owner gave it up in good order. */
const RELEASED = 'released-';

interface FreePartial {
  path: string;
  bytes: number;
}

/**
 * Partial files of one state directory. Each has exactly one owner, told by its name, so that two downloads into the same
 * directory never write the same file; one whose owner was killed is taken over by rename, which only one taker wins.
 */
export interface PartialClaims {
  /**
   * The path for the bytes of `key`: the longest file that an earlier owner left, else one that does not exist yet.
   * Shorter leftovers of the same key are deleted.
   * @param unverified a file that may hold the bytes as well; taken when no partial is longer
   */
  claim(key: string, unverified: FreePartial | undefined): Promise<string>;
  /** Leaves what has arrived to the next attempt, wherever it runs. Call it when nothing writes the file any more. */
  release(key: string, path: string): Promise<void>;
}

export function createPartialClaims(directory: string): PartialClaims {
  // Not the asynchronous one: it says ENOENT of a full disk.
  mkdirSync(directory, { recursive: true });
  const nameFor = (key: string, owner: string): string => join(directory, `${key}.${owner}${SUFFIX}`);

  const listFree = async (key: string): Promise<FreePartial[]> => {
    const free: FreePartial[] = [];
    for (const name of await readdir(directory)) {
      if (!name.startsWith(`${key}.`) || !name.endsWith(SUFFIX)) continue;
      const owner = name.slice(key.length + 1, -SUFFIX.length);
      const path = join(directory, name);
      const status = await ifPresent(() => stat(path));
      if (status === undefined) continue;
      const isFree = owner.startsWith(RELEASED) || isAbandoned({ name: owner, modifiedAtMs: status.mtimeMs });
      if (isFree) free.push({ path, bytes: status.size });
    }
    return free;
  };

  return {
    async claim(key, unverified) {
      const mine = nameFor(key, newStagingName());
      const candidates = [...(await listFree(key)), ...(unverified === undefined ? [] : [unverified])];
      let claimed = false;
      for (const { path } of candidates.sort((left, right) => right.bytes - left.bytes)) {
        if (claimed) await rm(path, { force: true });
        else claimed = (await ifPresent(() => renamed(path, mine))) ?? false;
      }
      return mine;
    },
    async release(key, path) {
      await ifPresent(() => rename(path, nameFor(key, `${RELEASED}${randomBytes(6).toString('hex')}`)));
    },
  };
}

async function renamed(from: string, to: string): Promise<true> {
  await rename(from, to);
  // A commit that was cut off has made it read-only.
  await chmod(to, 0o644);
  return true;
}
