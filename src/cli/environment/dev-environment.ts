import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { Configuration } from '../../platform/config.js';
import { placesOf } from '../../platform/places.js';
import { ownIdentity } from '../../platform/process/process-identity.js';
import { chooseAddresses } from './dev-addresses.js';
import { type DevChild, startDevChild } from './dev-child.js';
import { evidenceAnswers, hubAnswers, keepHistories, temporalAnswers, workersPoll } from './dev-conditions.js';
import { type DevProgram, evidenceProgram, hubProgram, temporalProgram, workerProgram } from './dev-programs.js';
import { type DevRecord, readDevRecord, removeDevRecord, writeDevRecord } from './dev-record.js';
import { endJobs } from './end-jobs.js';
import { endLeftovers, partGraceMs } from './end-leftovers.js';
import { lockHome } from './home-lock.js';
import { waitUntil } from './wait-until.js';

/** The development server finds itself free ports beside ours, and ends where somebody else is as fast. */
const TEMPORAL_STARTS = 3;

/** Opening a large database, hashing a mirror of many models, a cold start of the worker. */
const START_TIMEOUT_MS = 120_000;

export interface DevEnvironment {
  record: DevRecord;
  /** Settles, with the failure, only when a part of it cannot be kept running. */
  broken: Promise<EnginesmithFailure>;
  /** Ends everything in order. @returns the ids of the jobs that were ended with it */
  stop(): Promise<string[]>;
}

export interface DevOptions {
  configuration: Configuration;
  port?: number | undefined;
  uiPort?: number | undefined;
  note: (line: string) => void;
  /** Ends the start. */
  signal: AbortSignal;
}

/**
 * Starts the embedded environment of a home: Temporal, then the Hub mirror, the evidence server and the worker, each when
 * the one before it answers.
 * @throws EnginesmithFailure `PrerequisiteMissing` when it runs already, or a part does not come up; nothing is left then
 */
export async function startDevEnvironment({
  configuration,
  port,
  uiPort,
  note,
  signal,
}: DevOptions): Promise<DevEnvironment> {
  const { home, host, hubMirror } = configuration;
  if (!(await lockHome(home))) throw await alreadyRunning(home);
  await endLeftovers(home, note);
  const logs = join(home, 'logs');
  await mkdir(logs, { recursive: true });
  const addresses = await chooseAddresses(configuration, { port, uiPort });
  const record: DevRecord = {
    schema: 'enginesmith/dev/v1',
    process: ownIdentity(),
    phase: 'starting',
    temporalAddress: addresses.temporalAddress,
    webUi: addresses.webUi,
    hubEndpoint: addresses.hubEndpoint,
    metricsUrl: `http://${addresses.metricsAddress}/metrics`,
    evidenceUrl: addresses.evidenceUrl,
    logs,
    children: [],
  };
  // A start of which nobody can learn is none; a record that a full disk does not take later must not keep anything running.
  await writeDevRecord(home, record);
  let recording = Promise.resolve();
  const save = (): void => {
    recording = recording
      .then(() => writeDevRecord(home, record))
      .catch((failure: unknown) => note(`What runs could not be recorded in ${home}: ${failure}`));
  };

  const children: DevChild[] = [];
  const failing = new AbortController();
  const broken = new Promise<EnginesmithFailure>((resolve) => {
    failing.signal.addEventListener('abort', () => resolve(failing.signal.reason), { once: true });
  });
  const startPart = async (
    name: string,
    program: DevProgram,
    answers: () => Promise<boolean>,
    maximumStarts = 1,
  ): Promise<void> => {
    const child = startDevChild({
      name,
      ...program,
      logFile: join(logs, `${name}.log`),
      onStart: (leader) => {
        record.children = [...record.children.filter((other) => other.name !== name), { name, process: leader }];
        save();
      },
      onGiveUp: (failure) => failing.abort(failure),
      note,
      maximumStarts,
    });
    children.unshift(child);
    await waitUntil(`the start of ${name}`, answers, {
      timeoutMs: START_TIMEOUT_MS,
      signal: AbortSignal.any([signal, failing.signal]),
    });
    child.ready();
  };
  const stop = async (): Promise<string[]> => {
    record.phase = 'stopping';
    save();
    const ended: string[] = [];
    for (const child of children) {
      await child.stop({ graceMs: partGraceMs[child.name] ?? 0 });
      if (child.name === 'worker') ended.push(...(await endJobs(placesOf(configuration).jobs)));
    }
    await recording;
    await removeDevRecord(home);
    return ended;
  };

  try {
    const { temporalAddress, hubEndpoint, hubPort, evidencePort } = addresses;
    const answers = () => temporalAnswers(temporalAddress);
    await startPart('temporal', temporalProgram(configuration, addresses), answers, TEMPORAL_STARTS);
    await keepHistories(temporalAddress).catch((failure: unknown) =>
      note(`Temporal forgets pipelines a day after their end: ${failure}`),
    );
    if (hubMirror !== undefined && hubPort !== null) {
      await startPart('hub', hubProgram(hubMirror, hubPort), () => hubAnswers(hubEndpoint));
    }
    await startPart('evidence', evidenceProgram(configuration, addresses), () => evidenceAnswers(evidencePort));
    await startPart('worker', workerProgram(configuration, addresses), () => workersPoll(temporalAddress, host));
    await recording;
    record.phase = 'ready';
    await writeDevRecord(home, record);
    return { record, broken, stop };
  } catch (failure) {
    await stop();
    throw failure;
  }
}

async function alreadyRunning(home: string): Promise<EnginesmithFailure> {
  const running = await readDevRecord(home);
  const where = running === undefined ? '' : ` (pid ${running.process.pid}, Web UI ${running.webUi})`;
  return new EnginesmithFailure(
    'PrerequisiteMissing',
    `An embedded environment runs for ${home} already${where}. Use it, or end it with \`npx enginesmith dev --stop\`.`,
    { context: { home } },
  );
}
