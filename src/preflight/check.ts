import type { Configuration } from '../platform/config.js';
import type { GpuLeases } from '../platform/gpu-leases.js';
import type { GpuDevice } from '../platform/gpus/device.js';
import type { HostGpus } from '../platform/gpus/host-gpus.js';
import type { Places } from '../platform/places.js';
import type { ToolchainDescription } from '../platform/toolchain-installation.js';

/** fail: steps of this host will not work. warn: some may not, or will be slow. */
type CheckStatus = 'ok' | 'warn' | 'fail';

/** What a check found, and what helps. */
export interface Finding {
  status: CheckStatus;
  found: string;
  /** null where there is nothing to do. */
  remedy: string | null;
  /** The UUID of the GPU that it is about. */
  gpu?: string;
}

/** A finding with the check that made it. */
export interface CheckResult extends Finding {
  check: string;
}

/** What checks look at. */
export interface CheckedHost {
  configuration: Pick<Configuration, 'host' | 'home' | 'cache' | 'roles'>;
  places: Places;
  toolchain: Pick<ToolchainDescription, 'name' | 'release' | 'root' | 'environment' | 'runner'>;
  /** The message of the failure where the driver does not answer. */
  gpus: HostGpus | { problem: string };
  /** Devices that are looked at, of those of the toolchain. */
  devices: readonly GpuDevice[];
  leases: Pick<GpuLeases, 'report'>;
  /** Of the process that runs tools. */
  environment: NodeJS.ProcessEnv;
  /** Of the Temporal server, where it is not the configured one. */
  temporalAddress?: string | undefined;
}

/** One fact about a host on which hours of GPU work may depend. */
export interface Check {
  name: string;
  /** Takes milliseconds, and fails only where a tool would: it is also run before each tool on a GPU. */
  beforeTools: boolean;
  run(host: CheckedHost): Promise<Finding[]>;
}

export const ok = (found: string): Finding => ({ status: 'ok', found, remedy: null });
export const warn = (found: string, remedy: string): Finding => ({ status: 'warn', found, remedy });
export const fail = (found: string, remedy: string): Finding => ({ status: 'fail', found, remedy });

/** As free(1) prints it. */
export const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Runs checks one after the other; one that breaks is a finding of its own. */
export async function runChecks(checks: readonly Check[], host: CheckedHost): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, run } of checks) {
    const findings = await run(host).catch((failure: unknown) => [
      fail(failure instanceof Error ? failure.message : `${failure}`, 'The check itself did not end.'),
    ]);
    results.push(...findings.map((finding) => ({ check: name, ...finding })));
  }
  return results;
}
