import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Configuration } from '../platform/config.js';
import type { DiskLedger } from '../platform/disk-ledger.js';
import type { GpuLeases } from '../platform/gpu-leases.js';
import type { HostGpus } from '../platform/gpus/host-gpus.js';
import type { HubClient } from '../platform/hub/hub-client.js';
import type { Places } from '../platform/places.js';
import type { JobRunner } from '../platform/process/job-runner.js';
import type { SigningKey, TrustedKey } from '../platform/provenance/keys.js';
import type { ArtifactStore } from '../platform/store/artifact-store.js';
import type { Claims } from '../platform/store/claims.js';
import type { ToolLauncher } from '../platform/tool-launcher.js';
import type { ToolchainInstallation } from '../platform/toolchain-installation.js';
import type { stallLimitsOf } from './stall-limits.js';

/** What activities work with: made once by worker.ts, whole for every role. */
export interface ActivityDependencies {
  configuration: Configuration;
  places: Places;
  store: ArtifactStore;
  claims: Claims;
  jobs: JobRunner;
  /** The devices of this host that the toolchain may use. */
  gpus: HostGpus;
  leases: GpuLeases;
  disk: DiskLedger;
  hub: HubClient;
  toolchain: ToolchainInstallation;
  /** Runs the toolchain's programs. */
  launcher: ToolLauncher;
  /** How long a step's tool may show no progress. @default the table in stall-limits.ts */
  stallLimits?: typeof stallLimitsOf;
  /** Bound to the worker's namespace: promotions are updates, which only clients send. */
  client: Client;
  logger: Logger;
  /** Signs what is stated of artifacts; null where nothing is signed. */
  signingKey: SigningKey | null;
  /** By one of which all that is promoted must be vouched for; null where no one asks. */
  requiredKeys: readonly TrustedKey[] | null;
}
