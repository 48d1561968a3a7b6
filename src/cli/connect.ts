import { existsSync } from 'node:fs';
import { EnginesmithFailure } from '../contracts/failures.js';
import { createEnginesmithClient, type EnginesmithClient, type PipelineRun } from '../enginesmith-client.js';
import { type Configuration, readConfiguration } from '../platform/config.js';
import { connectClient } from '../platform/connection.js';
import { askLiveUse } from '../platform/live-use.js';
import type { LiveUse } from '../platform/store/keep-reasons.js';
import { embeddedDatabase } from './environment/dev-programs.js';
import { findDev } from './environment/dev-record.js';
import { translateTemporalError } from './temporal-errors.js';

/** A connection to the Temporal server that this shell means, and what commands do with it. */
export interface Connected {
  configuration: Configuration;
  enginesmith: EnginesmithClient;
  /** Where a run is seen in the Web UI; null when nobody said where that is. */
  link(run: PipelineRun): string | null;
  /** Status, and times in ISO 8601, of a workflow as the server knows it, of its last run unless one is named. Needs no worker. */
  describe(
    workflowId: string,
    runId?: string,
  ): Promise<{ runId: string; status: string; startedAt: string; endedAt: string | null }>;
  /** What this server knows of it: see `whatIsInUse`. */
  liveUse(): Promise<LiveUse>;
  close(): Promise<void>;
}

/**
 * Connects to the embedded environment of this home when it runs, unless TEMPORAL_ADDRESS names another server; else to what
 * is configured.
 * @throws EnginesmithFailure `PrerequisiteMissing` when no server answers
 */
async function connect(): Promise<Connected> {
  const configuration = readConfiguration(process.env);
  const dev = process.env.TEMPORAL_ADDRESS ? undefined : await findDev(configuration.home);
  const client = await connectClient({ address: dev?.temporalAddress });
  const webUi = configuration.webUi ?? dev?.webUi;
  const { namespace } = client.options;
  return {
    configuration,
    enginesmith: createEnginesmithClient({ client }),
    link: ({ workflowId, runId }) =>
      webUi === undefined
        ? null
        : `${webUi}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}/${runId}`,
    async describe(workflowId, ofRun) {
      const { runId, status, startTime, closeTime } = await client.workflow.getHandle(workflowId, ofRun).describe();
      return {
        runId,
        status: status.name,
        startedAt: startTime.toISOString(),
        endedAt: closeTime?.toISOString() ?? null,
      };
    },
    liveUse: () => askLiveUse(client),
    close: async () => client.connection.close(),
  };
}

/**
 * What runs and serves, as garbage collection needs to know it. Needs a worker where there are deployments.
 * @throws EnginesmithFailure `PrerequisiteMissing` when somebody who knows does not answer
 */
export async function whatIsInUse(): Promise<LiveUse> {
  const { home } = readConfiguration(process.env);
  // Whoever listens on the usual port, or is in a profile, need not be the server that knows what this home's deployments serve.
  const isNamed = process.env.TEMPORAL_ADDRESS || (await findDev(home)) !== undefined;
  if (!isNamed && existsSync(embeddedDatabase(home))) throw notRunning(home);
  return connected(({ liveUse }) => liveUse());
}

const notRunning = (home: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'PrerequisiteMissing',
    `The embedded environment of ${home} does not run, and only its Temporal knows what is needed. Start it with ` +
      '`npx enginesmith dev`; where this home belongs to another server by now, say which: TEMPORAL_ADDRESS.',
    { context: { home } },
  );

/** Connects, works and closes; Temporal's errors come out as failures that say what to do. */
export async function connected<Result>(work: (connection: Connected) => Promise<Result>): Promise<Result> {
  const connection = await connect();
  try {
    return await work(connection);
  } catch (failure) {
    throw translateTemporalError(failure);
  } finally {
    await connection.close();
  }
}
