import { EnginesmithFailure } from '../contracts/failures.js';
import type { Configuration } from '../platform/config.js';
import { createDockerClient } from '../platform/docker/docker-client.js';
import { createDockerLauncher } from '../platform/docker/docker-launcher.js';
import { resolveImage } from '../platform/docker/image.js';
import { probeImage } from '../platform/docker/probe-image.js';
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
  if (runner.kind === 'docker') return openImage(described, runner, configuration, workerEnvironment);
  if (identity === undefined) throw new Error('a toolchain on the host without an identity was let through');
  const toolchain = { ...described, identity };
  return { toolchain, launcher: createHostLauncher(toolchain, workerEnvironment) };
}

async function openImage(
  described: ToolchainDescription,
  runner: DockerRunner,
  { home, host, roles }: Pick<Configuration, 'home' | 'host' | 'roles'>,
  workerEnvironment: NodeJS.ProcessEnv,
): Promise<OpenToolchain> {
  const docker = await createDockerClient(runner.program, workerEnvironment);
  const image = await resolveImage(docker, runner.image);
  const { name, release, devices, environment, root } = described;
  const held = await probeImage(docker, {
    image,
    runner,
    // A worker of the cpu queue alone may have none of the GPUs that the toolchain is described with.
    toolchain: { environment, devices: roles.includes('gpu') || roles.includes('serve') ? devices : [] },
    paths: substitute([...imagePaths], { toolchain: root }),
  });
  const problem = imageProblem({ name, release, image: runner.image }, held);
  if (problem !== undefined) {
    throw new EnginesmithFailure('PrerequisiteMissing', problem, { context: { image: image.reference } });
  }
  const toolchain = { ...described, identity: image.digest };
  const launcher = createDockerLauncher({ docker, image, runner, toolchain, home, host, workerEnvironment });
  return { toolchain, launcher };
}
