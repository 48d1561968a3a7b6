import { EnginesmithFailure } from '../contracts/failures.js';
import type { GpuLeases } from '../platform/gpu-leases.js';

/** How soon a step that found no free GPU looks again; until then it holds no slot. */
export const LEASE_RETRY_MS = 2_000;

/**
 * Leases GPUs of one class for a holder, which gets the same ones again after a restart.
 * @returns their indices; none for a step that needs none
 * @throws EnginesmithFailure `NoFreeGpu`, benign, naming the holders
 */
export async function leaseGpus(
  leases: GpuLeases,
  { holder, count, class: gpuClass }: { holder: string; count: number; class: string },
): Promise<number[]> {
  if (count === 0) return [];
  const lease = await leases.acquire({ holder, count, class: gpuClass });
  if (lease !== undefined) return lease.indices;
  throw new EnginesmithFailure(
    'NoFreeGpu',
    `${count} GPU(s) of class ${gpuClass} are needed; leased are ${await holdersOfGpus(leases)}. ` +
      'It goes on when one is freed; `npx enginesmith stop NAME` ends a deployment.',
    { benign: true, nextRetryDelayMs: LEASE_RETRY_MS, context: { holder, count, class: gpuClass } },
  );
}

/** Who has which GPU of this host, for a message. */
export async function holdersOfGpus(leases: GpuLeases): Promise<string> {
  const held = (await leases.list()).map((entry) => `GPU ${entry.index} by ${entry.holder}`);
  return held.join(', ') || 'none, so this host has too few';
}
