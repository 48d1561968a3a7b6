import { readFile } from 'node:fs/promises';
import { readIfPresent } from '../../platform/durable-files.js';
import { isVirtual } from '../../platform/gpus/device.js';
import { type Check, fail, gibibytes, ok, warn } from '../check.js';

/** Calibrating a 7B model keeps its weights in host memory more than once; of a 70B model, beyond 200 GB (TensorRT-LLM issue 1331). */
const LITTLE_BYTES = { gpus: 32 * 2 ** 30, virtual: 2 * 2 ** 30 };
const TOO_LITTLE_BYTES = 2 ** 30;

export const hostMemory: Check = {
  name: 'host-memory',
  beforeTools: true,
  async run({ devices }) {
    const isOfGpus = !devices.every(isVirtual);
    const meminfo = await readFile('/proc/meminfo', 'utf8');
    const value = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
    const [limit, current] = await Promise.all(
      ['memory.max', 'memory.current'].map(async (file) => Number(await readIfPresent(`/sys/fs/cgroup/${file}`))),
    );
    // `max` is no number: no limit.
    const ofCgroup = Number.isFinite(limit) && limit ? limit - (current ?? 0) : Number.POSITIVE_INFINITY;
    const availableBytes = Math.min(value('MemAvailable'), ofCgroup);
    const swapUsedBytes = value('SwapTotal') - value('SwapFree');
    const found = `${gibibytes(availableBytes)} available, ${gibibytes(swapUsedBytes)} of ${gibibytes(value('SwapTotal'))} swap used`;
    const remedy =
      'End what else uses memory, or raise the limit of the container or unit; fewer `build.workers` need less.';
    if (isOfGpus && availableBytes < TOO_LITTLE_BYTES) return [fail(found, remedy)];
    return [availableBytes < (isOfGpus ? LITTLE_BYTES.gpus : LITTLE_BYTES.virtual) ? warn(found, remedy) : ok(found)];
  },
};
