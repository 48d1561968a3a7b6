import { mkdir } from 'node:fs/promises';
import { cancellationSignal } from '@temporalio/activity';
import type { RevisionRequest } from '../../contracts/activities.js';
import type { Digest } from '../../contracts/artifacts.js';
import { canonicalDigest } from '../../contracts/canonical-json.js';
import type { RevisionDescription } from '../../contracts/deployment.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ServingEndpoint } from '../../contracts/pipeline.js';
import { SERVING_PARAMETERS_FILE, servingParametersSchema } from '../../contracts/serving-parameters.js';
import { findFreePorts } from '../../platform/free-ports.js';
import { readRecord, replaceRecord } from '../../platform/json-record.js';
import { readLogTail } from '../../platform/process/job-log.js';
import { toolEnvironment } from '../../platform/tool-environment.js';
import { createTritonClient } from '../../platform/triton/client.js';
import { waitUntilReady } from '../../platform/triton/wait-until-ready.js';
import { renderArgv, substitute } from '../../toolchains/command.js';
import { launchTritonServerCommand } from '../../toolchains/launch-triton-server.js';
import { ensembleModels } from '../../toolchains/serving-templates.js';
import type { ActivityDependencies } from '../dependencies.js';
import { leaseGpus } from '../lease-gpus.js';
import { readArtifactJson } from '../read-artifact.js';
import { makeModelRepository } from './model-repository.js';
import { type Endpoint, endpointSchema, type RevisionPlaces, revisionPlaces } from './revision-places.js';

/** Loading all ranks of a large engine from a cold disk. */
const READY_DEADLINE_MS = 50 * 60_000;

/** Between SIGTERM and SIGKILL of a Triton: it lets running requests finish. */
export const TRITON_GRACE_MS = 10_000;

/**
 * Starts a revision's Triton on private ports, or finds it running, and waits until every model is ready. The Triton
 * belongs to its deployment: it needs no worker to live, and the next one adopts it.
 */
export const createStartRevision =
  (dependencies: ActivityDependencies) =>
  async (request: RevisionRequest & { waitForGpu: boolean }): Promise<ServingEndpoint> => {
    const { jobs, places } = dependencies;
    const { name, number } = request;
    const revision = revisionPlaces(places, name, number);
    const ports = (await adopt(dependencies, revision, request)) ?? (await launch(dependencies, revision, request));
    const client = createTritonClient({ url: `127.0.0.1:${ports.grpcPort}` });
    try {
      await waitUntilReady(client, {
        models: ensembleModels,
        deadlineMs: READY_DEADLINE_MS,
        stillAlive: async () => (await jobs.inspect(revision.jobId)).state === 'running',
        signal: cancellationSignal(),
      });
    } catch (failure) {
      throw await withLog(dependencies, revision, failure);
    } finally {
      client.close();
    }
    return {
      name,
      revision: number,
      grpcUrl: `127.0.0.1:${ports.grpcPort}`,
      httpUrl: `http://127.0.0.1:${ports.httpPort}`,
      metricsUrl: `http://127.0.0.1:${ports.metricsPort}/metrics`,
    };
  };

/** All that decides what a Triton answers. */
const servedBy = ({ engine, model, servingParameters }: RevisionDescription): Digest =>
  canonicalDigest({ engine: engine.digest, model: model.digest, servingParameters: servingParameters.digest });

/**
 * The running Triton of this very revision. Another one may run under its number: that of a deployment of the same name which
 * was terminated, so that its numbers came again. It is ended.
 */
async function adopt(
  { jobs }: ActivityDependencies,
  { jobId, endpointFile }: RevisionPlaces,
  { description }: RevisionRequest,
): Promise<Endpoint | undefined> {
  if ((await jobs.inspect(jobId)).state !== 'running') return undefined;
  const known = await readRecord(endpointFile, endpointSchema);
  if (known?.serves === servedBy(description)) return known;
  await jobs.stop(jobId, { graceMs: TRITON_GRACE_MS });
  return undefined;
}

async function launch(
  dependencies: ActivityDependencies,
  revision: RevisionPlaces,
  { description, waitForGpu }: RevisionRequest & { waitForGpu: boolean },
): Promise<Endpoint> {
  const { jobs, leases, store, toolchain } = dependencies;
  if (toolchain.identity !== description.toolchain.identity) {
    throw new EnginesmithFailure(
      'ToolchainMismatch',
      `The engine was made by ${description.toolchain.name} ${description.toolchain.release} ` +
        `(${description.toolchain.identity.slice(0, 12)}); this host serves with ${toolchain.identity.slice(0, 12)}. ` +
        'Engines do not move between builds of TensorRT-LLM: install that toolchain here, or run the pipeline again.',
      // No other worker polls this host's queue: waiting would block the deployment's other operations.
      { retryable: false },
    );
  }
  const gpus = await leaseGpus(leases, {
    holder: revision.jobId,
    count: description.worldSize,
    class: description.gpuClass,
  }).catch((failure: unknown) => {
    if (waitForGpu || !(failure instanceof EnginesmithFailure)) throw failure;
    throw new EnginesmithFailure('NoFreeGpu', failure.message, { retryable: false, context: failure.context });
  });
  const [model, engine, parameters] = await Promise.all([
    store.materialize(description.model),
    store.materialize(description.engine),
    readArtifactJson(store, {
      digest: description.servingParameters.digest,
      file: SERVING_PARAMETERS_FILE,
      schema: servingParametersSchema,
    }),
  ]);
  await mkdir(revision.directory, { recursive: true });
  const filled = await makeModelRepository(dependencies, revision, parameters, { model, engine });
  const [grpcPort = 0, httpPort = 0, metricsPort = 0] = await findFreePorts(3);
  const endpoint = { grpcPort, httpPort, metricsPort, serves: servedBy(description) };
  const [program = '', ...rest] = substitute(renderArgv(launchTritonServerCommand(parameters.worldSize)), {
    toolchain: toolchain.root,
    repository: revision.repository,
    grpcPort: `${grpcPort}`,
    httpPort: `${httpPort}`,
    metricsPort: `${metricsPort}`,
  });
  await replaceRecord(revision.endpointFile, endpoint);
  await replaceRecord(revision.recordFile, {
    argv: [...filled, [program, ...rest]],
    gpus,
    toolchain: toolchain.identity,
  });
  await jobs.start({
    jobId: revision.jobId,
    argv: [program, ...rest],
    environment: toolEnvironment(toolchain, process.env, { CUDA_VISIBLE_DEVICES: gpus.join(',') }),
    workingDirectory: revision.directory,
    kind: 'service',
    ownerTimeoutMs: null,
    killGraceMs: TRITON_GRACE_MS,
  });
  return endpoint;
}

/** A Triton that did not come up says why in its log, which nobody should have to look for. */
async function withLog({ jobs }: ActivityDependencies, { jobId }: RevisionPlaces, failure: unknown): Promise<unknown> {
  if (!(failure instanceof EnginesmithFailure) || failure.type !== 'TritonUnavailable') return failure;
  const job = await jobs.inspect(jobId);
  if (job.state === 'absent') return failure;
  return new EnginesmithFailure('TritonUnavailable', `${failure.message}\n${await readLogTail(job.logPath)}`, {
    context: failure.context,
    cause: failure,
  });
}
