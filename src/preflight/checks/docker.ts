import * as z from 'zod';
import { createDockerClient, type DockerClient } from '../../platform/docker/docker-client.js';
import { resolveImage } from '../../platform/docker/image.js';
import { probeImage } from '../../platform/docker/probe-image.js';
import { isVirtual } from '../../platform/gpus/device.js';
import { parseJson } from '../../platform/parse-json.js';
import type { DockerRunner } from '../../platform/toolchain-installation.js';
import { substitute } from '../../toolchains/command.js';
import { imagePaths, imageProblem } from '../../toolchains/images.js';
import { type Check, type Finding, fail, ok, warn } from '../check.js';

const information = z.object({ ServerVersion: z.string(), Runtimes: z.record(z.string(), z.unknown()).nullish() });

/** The daemon, the container toolkit, and what the image holds. Nothing where the tools run on the host. */
export const docker: Check = {
  name: 'docker',
  beforeTools: false,
  async run({ toolchain, devices, environment }) {
    const { runner } = toolchain;
    if (runner.kind !== 'docker') return [];
    const client = await createDockerClient(runner.program, environment);
    const said = information.safeParse(parseJson(await client.run('info', '--format={{json .}}')));
    if (!said.success) return [fail('docker info prints what no Docker from 20.10 on prints', 'Update Docker.')];
    const { ServerVersion: version, Runtimes: runtimes } = said.data;
    return [
      ok(`docker ${version}`),
      containerToolkit(runner, Object.keys(runtimes ?? {}), devices.every(isVirtual)),
      ...(await image(client, runner, toolchain, devices)),
    ];
  },
};

function containerToolkit({ runtime }: DockerRunner, runtimes: readonly string[], isVirtualOnly: boolean): Finding {
  const remedy =
    'Install the NVIDIA Container Toolkit, then `nvidia-ctk runtime configure --runtime=docker` and restart docker.';
  const wanted = runtime ?? 'nvidia';
  if (runtimes.includes(wanted)) return ok(`runtime ${wanted} is registered`);
  const found = `docker has no runtime ${wanted}, only ${runtimes.join(', ') || 'its own'}`;
  if (runtime !== undefined) return fail(found, remedy);
  // `--gpus` alone works with the toolkit's hook, or with CDI, where no runtime is registered.
  return isVirtualOnly ? ok('virtual devices need no container toolkit') : warn(found, remedy);
}

async function image(
  client: DockerClient,
  runner: DockerRunner,
  { name, release, root, environment }: Parameters<Check['run']>[0]['toolchain'],
  devices: Parameters<Check['run']>[0]['devices'],
): Promise<Finding[]> {
  const [registry] = runner.image.split('/');
  const login = `\`docker login ${registry}\` if it asks who you are (NGC: user $oauthtoken, password an API key), then \`docker pull ${runner.image}\``;
  const resolved = await resolveImage(client, runner.image).catch(
    (failure: unknown) => `${failure instanceof Error ? failure.message : failure}`,
  );
  if (typeof resolved === 'string') return [fail(`the image ${runner.image} is not on this host`, login)];
  try {
    const held = await probeImage(client, {
      image: resolved,
      runner,
      toolchain: { environment, devices },
      paths: substitute([...imagePaths], { toolchain: root }),
    });
    const problem = imageProblem({ name, release, image: runner.image }, held);
    return [
      problem === undefined
        ? ok(`${runner.image} holds TensorRT-LLM ${held.version}`)
        : fail(problem, 'See docs/gpu-host.md, "The image".'),
    ];
  } catch (failure) {
    const [found = '', ...remedy] = (failure instanceof Error ? failure.message : `${failure}`).split('\n');
    return [fail(found, remedy.join(' '))];
  }
}
