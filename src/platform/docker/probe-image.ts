import * as z from 'zod';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { parseJson } from '../parse-json.js';
import { toolchainVariables } from '../tool-environment.js';
import type { DockerRunner, ToolchainInstallation } from '../toolchain-installation.js';
import { type DockerClient, DockerError } from './docker-client.js';
import { dockerRunArgv } from './docker-run.js';
import type { DockerImage } from './image.js';

/** One line at the end: the image's entry point may print more before. */
const PROBE = `
import importlib.metadata, json, os, sys
try:
    version = importlib.metadata.version("tensorrt_llm")
except importlib.metadata.PackageNotFoundError:
    version = None
print(json.dumps({"version": version, "missing": [path for path in sys.argv[1:] if not os.path.exists(path)]}))
`;

const probed = z.object({ version: z.string().nullable(), missing: z.array(z.string()) });

/** What an image is found to hold: null, no TensorRT-LLM at all. */
type ProbedImage = z.infer<typeof probed>;

/**
 * Starts one container with every GPU that tools may get, as they will be started, and asks it which TensorRT-LLM it holds: a tag says
 * what somebody once meant. What does not work at all is found at a worker's start, not hours later.
 * @param paths inside the image, to look for
 * @throws EnginesmithFailure `PrerequisiteMissing`
 */
export async function probeImage(
  docker: DockerClient,
  {
    image,
    runner,
    toolchain: { devices, environment },
    paths,
  }: {
    image: DockerImage;
    runner: DockerRunner;
    toolchain: Pick<ToolchainInstallation, 'devices' | 'environment'>;
    paths: readonly string[];
  },
): Promise<ProbedImage> {
  const [, ...run] = dockerRunArgv({
    docker: docker.program,
    image: image.reference,
    name: `enginesmith-probe-${process.pid}-${Date.now()}`,
    // Not those of a job: a worker that starts meanwhile sweeps containers without one.
    labels: { 'enginesmith.probe': `${process.pid}` },
    argv: ['python3', '-c', PROBE, ...paths],
    gpus: devices,
    runtime: runner.runtime,
    network: 'none',
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    mounts: { readOnly: [], readWrite: [] },
    workingDirectory: '/',
    variables: { HOME: '/tmp', ...toolchainVariables(environment, image.environment) },
    handedOn: [],
  });
  const printed = await docker.run(...run).catch((failure: unknown) => {
    if (!(failure instanceof DockerError)) throw failure;
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `A container of ${runner.image} does not run here: ${failure.message.slice(-1000)}\nIt is given the GPUs that ` +
        'toolchain.json lists, runs as this user, and needs a python3. If docker knows no GPUs, install the ' +
        'NVIDIA Container Toolkit; if it knows no such device, compare `devices` with `nvidia-smi -L`.',
      { cause: failure },
    );
  });
  const parsed = probed.safeParse(parseJson(printed.trim().split('\n').at(-1) ?? ''));
  if (parsed.success) return parsed.data;
  throw new EnginesmithFailure(
    'PrerequisiteMissing',
    `${runner.image} does not say which TensorRT-LLM it holds: its entry point must run the command that it is given. It ` +
      `printed: ${printed.slice(-500)}`,
  );
}
