import { EnginesmithFailure } from '../contracts/failures.js';
import type { Configuration } from '../platform/config.js';
import { createDockerClient } from '../platform/docker/docker-client.js';
import { createDockerLauncher } from '../platform/docker/docker-launcher.js';
import { resolveImage } from '../platform/docker/image.js';
import { probeImage } from '../platform/docker/probe-image.js';
import { isVirtual } from '../platform/gpus/device.js';
import { type HostGpus, noGpus, openHostGpus } from '../platform/gpus/host-gpus.js';
import { createHostLauncher } from '../platform/host-launcher.js';
import type { ToolLauncher } from '../platform/tool-launcher.js';
import {
  type DockerRunner,
  readToolchainDescription,
  type ToolchainDescription,
  type ToolchainInstallation,
} from '../platform/toolchain-installation.js';
import { substitute } from '../toolchains/command.js';
import { imagePaths, imageProblem } from '../toolchains/images.js';

interface OpenToolchain {
  toolchain: ToolchainInstallation;
  launcher: ToolLauncher;
  gpus: HostGpus;
}

/**
 * Reads which toolchain this worker has, and makes sure that it can run: one in docker is resolved to its image's digest, which
 * is its identity, and asked what it holds.
 * @throws EnginesmithFailure `PrerequisiteMissing` when it is not there, or is not what toolchain.json says
 */
export async function openToolchain(
  configuration: Pick<Configuration, 'toolchainRoot' | 'home' | 'host' | 'roles'>,
  workerEnvironment: NodeJS.ProcessEnv,
): Promise<OpenToolchain> {
  const described = await readToolchainDescription(configuration.toolchainRoot);
  const { runner, identity } = described;
  const gpus = await openGpus(described, configuration, workerEnvironment);
  if (runner.kind === 'docker') return openImage(described, gpus, runner, configuration, workerEnvironment);
  if (identity === undefined) throw new Error('a toolchain on the host without an identity was let through');
  const toolchain = { ...described, identity, devices: gpus.devices };
  return { toolchain, launcher: createHostLauncher(toolchain, workerEnvironment), gpus };
}

/** A worker that leases none may have none of the GPUs that the toolchain is described with, nor a driver. */
function openGpus(
  { devices }: ToolchainDescription,
  { roles }: Pick<Configuration, 'roles'>,
  workerEnvironment: NodeJS.ProcessEnv,
): Promise<HostGpus> {
  const leases = roles.includes('gpu') || roles.includes('serve');
  const areVirtual =
    devices?.some((device) => device.class !== undefined && isVirtual({ class: device.class })) ?? false;
  return leases || areVirtual ? openHostGpus(devices, workerEnvironment) : Promise.resolve(noGpus);
}

async function openImage(
  described: ToolchainDescription,
  gpus: HostGpus,
  runner: DockerRunner,
  { home, host }: Pick<Configuration, 'home' | 'host'>,
  workerEnvironment: NodeJS.ProcessEnv,
): Promise<OpenToolchain> {
  const docker = await createDockerClient(runner.program, workerEnvironment);
  const image = await resolveImage(docker, runner.image);
  const { name, release, environment, root } = described;
  const { devices } = gpus;
  const held = await probeImage(docker, {
    image,
    runner,
    toolchain: { environment, devices },
    paths: substitute([...imagePaths], { toolchain: root }),
  });
  const problem = imageProblem({ name, release, image: runner.image }, held);
  if (problem !== undefined) {
    throw new EnginesmithFailure('PrerequisiteMissing', problem, { context: { image: image.reference } });
  }
  const toolchain = { ...described, identity: image.digest, devices };
  const launcher = createDockerLauncher({ docker, image, runner, toolchain, home, host, workerEnvironment });
  return { toolchain, launcher, gpus };
}
