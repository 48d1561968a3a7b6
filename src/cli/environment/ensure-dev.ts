import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { readLogTail } from '../../platform/process/job-log.js';
import { isAlive } from '../../platform/process/process-identity.js';
import { ownProgram } from './dev-programs.js';
import { type DevRecord, findDev } from './dev-record.js';
import { waitUntil } from './wait-until.js';

/** All parts of an environment may take their time one after the other. */
const READY_TIMEOUT_MS = 400_000;

export interface EnsuredDev {
  record: DevRecord;
  /** Whether it was started here, and so is to be ended here. */
  startedHere: boolean;
}

/**
 * The embedded environment of a home, ready: the one that runs, or a new one, which outlives this process.
 * @throws EnginesmithFailure `PrerequisiteMissing` with the end of its log when it does not come up
 */
export async function ensureDev(home: string, signal: AbortSignal): Promise<EnsuredDev> {
  const running = await findDev(home);
  if (running !== undefined) {
    const attached = await attach(home, running, signal);
    if (attached !== undefined) return attached;
  }

  const logs = join(home, 'logs');
  await mkdir(logs, { recursive: true });
  const logFile = join(logs, 'dev.log');
  const log = openSync(logFile, 'w');
  const [program = '', ...args] = [...ownProgram('client'), 'dev'];
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  const ended = new AbortController();
  child.once('exit', () => ended.abort());
  child.once('error', () => ended.abort());
  try {
    const record = await readyDev(home, AbortSignal.any([signal, ended.signal]));
    return { record, startedHere: record.process.pid === child.pid };
  } catch (failure) {
    if (!ended.signal.aborted) {
      child.kill('SIGTERM');
      throw failure;
    }
    // It may have given way to another one that was started at the same moment.
    const other = await findDev(home);
    const attached = other && (await attach(home, other, signal));
    if (attached !== undefined) return attached;
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `The embedded environment did not start:\n${await readLogTail(logFile)}`,
    );
  }
}

/** Waits for one that starts or serves. @returns undefined when it has ended: it was stopping, or did not come up */
async function attach(home: string, running: DevRecord, signal: AbortSignal): Promise<EnsuredDev | undefined> {
  let record: DevRecord | undefined;
  const isDecided = async (): Promise<boolean> => {
    record = await findDev(home);
    return record?.phase === 'ready' || !isAlive(running.process);
  };
  await waitUntil('the start of the embedded environment', isDecided, { timeoutMs: READY_TIMEOUT_MS, signal });
  return record?.phase === 'ready' ? { record, startedHere: false } : undefined;
}

async function readyDev(home: string, signal: AbortSignal): Promise<DevRecord> {
  let record: DevRecord | undefined;
  const isReady = async (): Promise<boolean> => {
    record = await findDev(home);
    return record?.phase === 'ready';
  };
  await waitUntil('the start of the embedded environment', isReady, { timeoutMs: READY_TIMEOUT_MS, signal });
  if (record === undefined) throw new Error('a ready environment has a record');
  return record;
}
