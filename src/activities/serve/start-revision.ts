import { cancellationSignal } from '@temporalio/activity';
import type { RevisionRequest } from '../../contracts/activities.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ServingEndpoint } from '../../contracts/pipeline.js';
import { readRecord } from '../../platform/json-record.js';
import { readLogEnd, readLogTail } from '../../platform/process/job-log.js';
import { createTritonClient } from '../../platform/triton/client.js';
import { waitUntilReady } from '../../platform/triton/wait-until-ready.js';
import { tritonLoadFailure } from '../../toolchains/failure-signatures/triton.js';
import { ensembleModels } from '../../toolchains/serving-templates.js';
import type { ActivityDependencies } from '../dependencies.js';
import { requireProvenance } from '../require-provenance.js';
import { tritonFailure } from '../tool-failure.js';
import { launchTriton, servedBy, TRITON_GRACE_MS } from './launch-triton.js';
import { type Endpoint, endpointSchema, type RevisionPlaces, revisionPlaces } from './revision-places.js';
import { waitUntilListening } from './wait-until-listening.js';

/** Loading all ranks of a large engine from a cold disk. */
const READY_DEADLINE_MS = 50 * 60_000;

/** How often the log of a Triton that loads is looked at. */
const LOG_INTERVAL_MS = 5_000;

/** Losing the race for a port this often in a row is no accident. */
const MAXIMUM_LAUNCHES = 5;

/** Tritonserver's words for a port that somebody else has, for gRPC, HTTP and metrics alike. */
const PORT_TAKEN = /Socket '[^']*' already in use/;

/**
 * Starts a revision's Triton on private ports, or finds it running, and waits until every model is ready. The Triton
 * belongs to its deployment: it needs no worker to live, and the next one adopts it. What is not vouched for, where that is
 * asked, is not started: whoever may send a deployment messages need not be a pipeline.
 */
export const createStartRevision =
  (dependencies: ActivityDependencies) =>
  async (request: RevisionRequest & { waitForGpu: boolean }): Promise<ServingEndpoint> => {
    const { places } = dependencies;
    const { name, number } = request;
    const revision = revisionPlaces(places, name, number);
    await requireProvenance(dependencies, request.description);
    try {
      const ports = await listening(dependencies, revision, request);
      const grpcUrl = `127.0.0.1:${ports.grpcPort}`;
      const client = createTritonClient({ url: grpcUrl });
      try {
        await waitUntilReady(client, {
          models: ensembleModels,
          deadlineMs: READY_DEADLINE_MS,
          stillAlive: stillLoads(dependencies, revision),
          signal: cancellationSignal(),
        });
      } finally {
        client.close();
      }
      return {
        name,
        revision: number,
        grpcUrl,
        httpUrl: `http://127.0.0.1:${ports.httpPort}`,
        metricsUrl: `http://127.0.0.1:${ports.metricsPort}/metrics`,
      };
    } catch (failure) {
      throw await withLog(dependencies, revision, failure);
    }
  };

/** A Triton of this revision that listens; one that lost a port to somebody else is started again on other ports. */
async function listening(
  dependencies: ActivityDependencies,
  revision: RevisionPlaces,
  request: RevisionRequest & { waitForGpu: boolean },
): Promise<Endpoint> {
  const { jobs, launcher } = dependencies;
  const { jobId } = revision;
  for (let launches = 1; launches <= MAXIMUM_LAUNCHES; launches += 1) {
    const ports =
      (await adopt(dependencies, revision, request)) ?? (await launchTriton(dependencies, revision, request));
    const bounds = { deadlineMs: READY_DEADLINE_MS, signal: cancellationSignal() };
    if (await waitUntilListening({ jobs, launcher, jobId, ports, ...bounds })) return ports;
    const job = await jobs.inspect(jobId);
    if (job.state === 'absent' || !PORT_TAKEN.test(await readLogTail(job.logPath))) {
      const { grpcPort } = ports;
      throw new EnginesmithFailure('TritonUnavailable', 'Triton ended before it was ready. Its log says why.', {
        context: { grpcPort },
      });
    }
  }
  throw new EnginesmithFailure(
    'ToolFailed',
    `${MAXIMUM_LAUNCHES} times in a row somebody took a port of this host between the moment at which it was found free and ` +
      "Triton's start. It is tried again; look for what opens ports that fast.",
  );
}

/**
 * The running Triton of this very revision. Another one may run under its number: that of a deployment of the same name which
 * was terminated, so that its numbers came again. It is ended.
 */
async function adopt(
  { jobs, leases }: ActivityDependencies,
  { jobId, endpointFile }: RevisionPlaces,
  { description }: RevisionRequest,
): Promise<Endpoint | undefined> {
  if ((await jobs.inspect(jobId)).state !== 'running') return undefined;
  const known = await readRecord(endpointFile, endpointSchema);
  if (known?.serves === servedBy(description)) {
    await leases.keep(jobId);
    return known;
  }
  await jobs.stop(jobId, { graceMs: TRITON_GRACE_MS });
  return undefined;
}

/**
 * Whether a Triton may still become ready: its processes live, and its log names no model that failed. Where rank 0 has failed
 * the others go on, and answer ready, until somebody ends them.
 */
function stillLoads({ jobs }: ActivityDependencies, { jobId }: RevisionPlaces): () => Promise<boolean> {
  let lookedMs = 0;
  return async () => {
    const job = await jobs.inspect(jobId);
    if (job.state !== 'running') return false;
    if (performance.now() - lookedMs < LOG_INTERVAL_MS) return true;
    lookedMs = performance.now();
    return tritonLoadFailure(await readLogEnd(job.logPath)) === undefined;
  };
}

/** A Triton that did not come up says why in its log, which nobody should have to look for. */
async function withLog({ jobs }: ActivityDependencies, { jobId }: RevisionPlaces, failure: unknown): Promise<unknown> {
  if (!(failure instanceof EnginesmithFailure) || failure.type !== 'TritonUnavailable') return failure;
  const job = await jobs.inspect(jobId);
  if (job.state === 'absent') return failure;
  const notReady = job.state === 'running' ? `${failure.context.notReady ?? ''}`.split(', ') : [];
  return tritonFailure(failure, job.logPath, notReady);
}
