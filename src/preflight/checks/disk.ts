import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isVirtual } from '../../platform/gpus/device.js';
import { type Check, fail, gibibytes, ok, warn } from '../check.js';

/** A 7B model with its checkpoint and engines takes about so much; `plan` estimates what a spec needs. */
const LITTLE_BYTES = { gpus: 100 * 2 ** 30, virtual: 5 * 2 ** 30 };
const TOO_LITTLE_BYTES = 2 ** 30;

export const disk: Check = {
  name: 'disk',
  // What a step needs is reserved when it starts.
  beforeTools: false,
  async run({ places, devices }) {
    const little = devices.every(isVirtual) ? LITTLE_BYTES.virtual : LITTLE_BYTES.gpus;
    const directories = { store: places.store, scratch: places.scratch, downloads: places.downloads };
    return Promise.all(
      Object.entries(directories).map(async ([what, path]) => {
        const { bavail, bsize } = await existing(path);
        const freeBytes = bavail * bsize;
        const found = `${what}: ${gibibytes(freeBytes)} free below ${path}`;
        const remedy =
          'Free space, or move it: ENGINESMITH_HOME has the store and scratch, ENGINESMITH_CACHE the downloads.';
        if (freeBytes < TOO_LITTLE_BYTES) return fail(found, remedy);
        return freeBytes < little ? warn(found, remedy) : ok(found);
      }),
    );
  },
};

/** Of a directory that may be made later. */
async function existing(path: string): Promise<StatsFs> {
  try {
    return await statfs(path);
  } catch (failure) {
    if (dirname(path) === path) throw failure;
    return existing(dirname(path));
  }
}
