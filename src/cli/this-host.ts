import { EnginesmithFailure } from '../contracts/failures.js';
import { type Configuration, readConfiguration } from '../platform/config.js';
import { createGpuLeases, type GpuLeases } from '../platform/gpu-leases.js';
import { type HostGpus, openHostGpus } from '../platform/gpus/host-gpus.js';
import { type Places, placesOf } from '../platform/places.js';
import { readToolchainDescription, type ToolchainDescription } from '../platform/toolchain-installation.js';

/** The host that a command is called on, as its workers see it. */
export interface ThisHost {
  configuration: Configuration;
  places: Places;
  toolchain: ToolchainDescription;
  /** What is said where the driver does not answer. */
  gpus: HostGpus | { problem: string };
  /** For reports: it is a worker's to change them. */
  leases: Pick<GpuLeases, 'report'>;
}

/** @throws EnginesmithFailure `PrerequisiteMissing` when there is no toolchain */
export async function openThisHost(): Promise<ThisHost> {
  const configuration = readConfiguration(process.env);
  const toolchain = await readToolchainDescription(configuration.toolchainRoot);
  const gpus = await openHostGpus(toolchain.devices, process.env).catch((failure: unknown) => {
    if (failure instanceof EnginesmithFailure) return { problem: failure.message };
    throw failure;
  });
  const places = placesOf(configuration);
  const devices = 'problem' in gpus ? [] : gpus.devices;
  const leases = createGpuLeases({ directory: places.leases, devices, isHolderActive: async () => true });
  return { configuration, places, toolchain, gpus, leases };
}
