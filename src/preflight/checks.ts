import type { Check } from './check.js';
import { architecture } from './checks/architecture.js';
import { disk } from './checks/disk.js';
import { docker } from './checks/docker.js';
import { driver } from './checks/driver.js';
import { gpuHealth } from './checks/gpu-health.js';
import { gpuMemory } from './checks/gpu-memory.js';
import { hostMemory } from './checks/host-memory.js';
import { limits } from './checks/limits.js';
import { quarantine } from './checks/quarantine.js';
import { sharedMemory } from './checks/shared-memory.js';
import { temporal } from './checks/temporal.js';
import { tools } from './checks/tools.js';

/** Every check, in the order in which a report shows them: what depends on something comes after it. */
export const checks: readonly Check[] = [
  driver,
  gpuHealth,
  gpuMemory,
  quarantine,
  architecture,
  tools,
  docker,
  limits,
  sharedMemory,
  hostMemory,
  disk,
  temporal,
];
