import { mkdir } from 'node:fs/promises';
import type { RevisionRequest } from '../../contracts/activities.js';
import type { Digest } from '../../contracts/artifacts.js';
import { canonicalDigest } from '../../contracts/canonical-json.js';
import type { RevisionDescription } from '../../contracts/deployment.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { SERVING_PARAMETERS_FILE, servingParametersSchema } from '../../contracts/serving-parameters.js';
import { findFreePorts } from '../../platform/free-ports.js';
import { uuidOf } from '../../platform/gpus/device.js';
import { replaceRecord } from '../../platform/json-record.js';
import { mpiSessionIn } from '../../platform/tool-environment.js';
import { renderArgv, substitute } from '../../toolchains/command.js';
import { launchTritonServerCommand } from '../../toolchains/launch-triton-server.js';
import { findRelease } from '../../toolchains/releases.js';
import type { ActivityDependencies } from '../dependencies.js';
import { leaseGpus } from '../lease-gpus.js';
import { preflight } from '../preflight.js';
import { readArtifactJson } from '../read-artifact.js';
import { makeModelRepository } from './model-repository.js';
import type { Endpoint, RevisionPlaces } from './revision-places.js';

/** Between SIGTERM and SIGKILL of a Triton: it lets running requests finish. */
export const TRITON_GRACE_MS = 10_000;

/** All that decides what a Triton answers. */
export const servedBy = ({ engine, model, servingParameters }: RevisionDescription): Digest =>
  canonicalDigest({ engine: engine.digest, model: model.digest, servingParameters: servingParameters.digest });

/**
 * Leases a revision's GPUs and starts its Triton on ports that were free a moment ago. What cannot be served fails before
 * GPUs are asked for: a serving revision would have made room for nothing.
 */
export async function launchTriton(
  dependencies: ActivityDependencies,
  revision: RevisionPlaces,
  { description, waitForGpu }: RevisionRequest & { waitForGpu: boolean },
): Promise<Endpoint> {
  const { jobs, launcher, leases, store, toolchain } = dependencies;
  requireToolchain(toolchain.identity, description);
  const [model, engine, parameters] = await Promise.all([
    store.materialize(description.model),
    store.materialize(description.engine),
    readArtifactJson(store, {
      digest: description.servingParameters.digest,
      file: SERVING_PARAMETERS_FILE,
      schema: servingParametersSchema,
    }),
  ]);
  const gpus = await leaseGpus(leases, {
    holder: revision.jobId,
    count: description.worldSize,
    class: description.gpuClass,
    serving: true,
    waits: waitForGpu,
  }).catch((failure: unknown) => {
    if (waitForGpu || !(failure instanceof EnginesmithFailure)) throw failure;
    throw new EnginesmithFailure('NoFreeGpu', failure.message, { retryable: false, context: failure.context });
  });
  await preflight(dependencies, revision.jobId, gpus);
  await mkdir(revision.directory, { recursive: true });
  const filled = await makeModelRepository(dependencies, revision, parameters, { model, engine });
  const [grpcPort = 0, httpPort = 0, metricsPort = 0] = await findFreePorts(3);
  const endpoint = { grpcPort, httpPort, metricsPort, serves: servedBy(description) };
  const launch = launchTritonServerCommand(parameters.worldSize, findRelease(toolchain.name).release);
  const triton = launcher.launch({
    jobId: revision.jobId,
    argv: substitute(renderArgv(launch), {
      toolchain: toolchain.root,
      repository: revision.repository,
      grpcPort: `${grpcPort}`,
      httpPort: `${httpPort}`,
      metricsPort: `${metricsPort}`,
    }),
    kind: 'service',
    gpus,
    variables: mpiSessionIn(revision.directory),
    workingDirectory: revision.directory,
    inputs: [model, engine],
    reaches: 'clients',
  });
  await replaceRecord(revision.endpointFile, endpoint);
  await replaceRecord(revision.recordFile, {
    argv: [...filled, triton.argv],
    gpus: gpus.map(uuidOf),
    toolchain: toolchain.identity,
  });
  await jobs.start({ ...triton, ownerTimeoutMs: null, killGraceMs: TRITON_GRACE_MS });
  return endpoint;
}

function requireToolchain(installed: string, { toolchain }: RevisionDescription): void {
  if (installed === toolchain.identity) return;
  throw new EnginesmithFailure(
    'ToolchainMismatch',
    `The engine was made by ${toolchain.name} ${toolchain.release} (${toolchain.identity.slice(0, 12)}); this host serves ` +
      `with ${installed.slice(0, 12)}. Engines do not move between builds of TensorRT-LLM: install that toolchain here, or ` +
      'run the pipeline again.',
    // No other worker polls this host's queue: waiting would block the deployment's other operations.
    { retryable: false },
  );
}
