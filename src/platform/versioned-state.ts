import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ZodType } from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import { createRecord, readRecord } from './json-record.js';

export interface VersionedState<State extends object> {
  read(): Promise<State>;
  /**
   * Replaces the state by what `change` makes of it; undefined leaves it. `change` is called again when another process was
   * faster, and must cope with a state in which it has already been done.
   */
  update(change: (state: State) => Promise<State | undefined>): Promise<void>;
}

/** Versions kept behind the newest, for those who are just reading them. */
const keptVersions = 8;
/** Each rival costs one attempt; so many mean that the file system does not keep its promises. */
const maximumAttempts = 200;

/**
 * A small state that several processes of one host change without a lock, so that none can die holding it: each version is a
 * file `<number>.json`, created exclusively by the process that read the one before.
 * @throws EnginesmithFailure ArtifactCorrupt when a version cannot be read; ClaimHeld when no change gets through
 */
export function createVersionedState<State extends object>({
  directory,
  schema,
  initial,
}: {
  directory: string;
  schema: ZodType<State>;
  initial: State;
}): VersionedState<State> {
  const pathOf = (version: number) => join(directory, `${version}.json`);

  async function versions(): Promise<number[]> {
    await mkdir(directory, { recursive: true });
    const names = await readdir(directory);
    return names.filter((name) => /^\d+\.json$/.test(name)).map((name) => Number.parseInt(name, 10));
  }

  const newest = async () => Math.max(0, ...(await versions()));

  async function readNewest(): Promise<{ version: number; state: State }> {
    for (;;) {
      const version = await newest();
      if (version === 0) return { version, state: initial };
      const state = await readRecord(pathOf(version), schema);
      if (state !== undefined) return { version, state };
    }
  }

  async function replaceNewest(change: (state: State) => Promise<State | undefined>): Promise<void> {
    for (let attempt = 0; attempt < maximumAttempts; attempt += 1) {
      const { version, state } = await readNewest();
      const changed = await change(state);
      if (changed === undefined) return;
      const created = await createRecord(pathOf(version + 1), changed);
      // A process that slept through many versions may create one anew that was removed: only the newest counts.
      if (created && (await newest()) === version + 1) {
        for (const old of await versions()) if (old <= version - keptVersions) await rm(pathOf(old), { force: true });
        return;
      }
      await sleep(Math.random() * 20);
    }
    throw new EnginesmithFailure('ClaimHeld', `Other processes keep changing ${directory}.`, { benign: true });
  }

  // Those of one process take turns: as rivals, all but one would have read, decided and flushed a file for nothing.
  let turn = Promise.resolve();
  return {
    async read() {
      return (await readNewest()).state;
    },
    update(change) {
      const changed = turn.then(() => replaceNewest(change));
      turn = changed.catch(() => undefined);
      return changed;
    },
  };
}
