import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { readLogTail } from '../../platform/process/job-log.js';
import { killSession } from '../../platform/process/kill-session.js';
import { identityOf, type ProcessIdentity } from '../../platform/process/process-identity.js';

/** A child that ends this often within a minute is broken: starting it again helps nobody. */
const MAXIMUM_RESTARTS_PER_MINUTE = 6;
const RESTART_DELAY_MS = { first: 1_000, longest: 15_000 };

export interface DevChildOptions {
  name: string;
  argv: string[];
  environment: NodeJS.ProcessEnv;
  logFile: string;
  /** Called whenever it has been started, also again. */
  onStart: (leader: ProcessIdentity) => void;
  /** Called when it is not started again. */
  onGiveUp: (failure: EnginesmithFailure) => void;
  note: (line: string) => void;
  /** How often it may end before it is ready. @default once: whoever cannot start is broken */
  maximumStarts?: number;
  /** How long it waits before it is started again: twice as long each time. @default from 1 to 15 s */
  restartDelayMs?: { first: number; longest: number };
}

export interface DevChild {
  readonly name: string;
  /** From now on its end is an accident, and it is started again. Before, it is a reason to give up. */
  ready(): void;
  /** Ends it: SIGTERM, and SIGKILL after the grace. */
  stop(options: { graceMs: number }): Promise<void>;
}

/** Starts a program of the embedded environment in a session of its own, and again when it ends by accident. */
export function startDevChild(options: DevChildOptions): DevChild {
  const { name, logFile, onStart, onGiveUp, note, maximumStarts = 1, restartDelayMs = RESTART_DELAY_MS } = options;
  let leader: ProcessIdentity | undefined;
  let isReady = false;
  let stopping = false;
  let restart: NodeJS.Timeout | undefined;
  const restarts: number[] = [];

  const start = (): void => {
    const child = spawnLogged(options, restarts.length === 0 ? 'w' : 'a');
    leader = child.pid === undefined ? undefined : identityOf(child.pid);
    if (leader !== undefined) onStart(leader);
    child.once('error', (cause) => giveUp(`cannot be started: ${cause.message}`, cause));
    child.once('exit', (code, signal) =>
      ended(code === null ? `was ended by ${signal}` : `ended with exit code ${code}`),
    );
  };

  const giveUp = (how: string, cause?: unknown): void => {
    void brokenChild(options, how, cause).then(onGiveUp);
  };

  const ended = (how: string): void => {
    if (stopping) return;
    const now = performance.now();
    const recent = restarts.filter((time) => now - time < 60_000).length;
    const isBroken = isReady ? recent >= MAXIMUM_RESTARTS_PER_MINUTE : restarts.length + 1 >= maximumStarts;
    if (isBroken) {
      giveUp(isReady ? `${how}, again and again` : how);
      return;
    }
    const delayMs = Math.min(restartDelayMs.first * 2 ** recent, restartDelayMs.longest);
    note(`${name} ${how}; starting it again in ${delayMs / 1000} s (log: ${logFile})`);
    restarts.push(now);
    restart = setTimeout(start, delayMs);
  };

  start();
  return {
    name,
    ready: () => {
      isReady = true;
    },
    async stop({ graceMs }) {
      stopping = true;
      clearTimeout(restart);
      if (leader !== undefined) await killSession(leader, { graceMs });
    },
  };
}

function spawnLogged({ argv, environment, logFile }: DevChildOptions, flags: 'w' | 'a'): ChildProcess {
  const [program = '', ...args] = argv;
  const log = openSync(logFile, flags);
  try {
    // A session of its own: a Ctrl-C in the terminal reaches us alone, and we end the children in order.
    return spawn(program, args, { detached: true, env: environment, stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
}

async function brokenChild(
  { name, logFile }: DevChildOptions,
  how: string,
  cause: unknown,
): Promise<EnginesmithFailure> {
  const tail = await readLogTail(logFile).catch((unreadable: unknown) => `${unreadable}`);
  return new EnginesmithFailure('PrerequisiteMissing', `${name} ${how}. The end of ${logFile}:\n${tail}`, {
    cause,
    context: { name, logFile },
  });
}
