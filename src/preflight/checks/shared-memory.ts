import { statfs } from 'node:fs/promises';
import { isVirtual } from '../../platform/gpus/device.js';
import { type Check, fail, gibibytes, ok, warn } from '../check.js';

/** Ranks of one engine exchange data there, and Triton with its Python models: docker's default of 64 MB holds neither. */
const LITTLE_BYTES = 2 ** 30;
const TOO_LITTLE_BYTES = 128 * 2 ** 20;

export const sharedMemory: Check = {
  name: 'shared-memory',
  beforeTools: true,
  async run({ devices, toolchain }) {
    if (toolchain.runner.kind === 'docker') return [ok('of each container its own')];
    const { bsize, blocks, bavail } = await statfs('/dev/shm');
    const found = `${gibibytes(bsize * bavail)} of ${gibibytes(bsize * blocks)} of /dev/shm are free`;
    const remedy =
      'In docker, start the worker with `--shm-size=16g` or `--ipc=host`; else remove what was left in /dev/shm, or `mount -o remount,size=16G /dev/shm`.';
    if (bsize * bavail < TOO_LITTLE_BYTES && !devices.every(isVirtual)) return [fail(found, remedy)];
    return [bsize * bavail < LITTLE_BYTES ? warn(found, remedy) : ok(found)];
  },
};
