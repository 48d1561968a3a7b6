import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { until } from './until.js';

/** How a process ended, as its parent saw it. */
export interface PartEnd {
  pid: number;
  signal: NodeJS.Signals | null;
  exitCode: number | null;
}

/** A program of an environment that a test may kill, freeze and start again. */
export interface Part {
  /** Of the process that runs, if one does. */
  readonly pid: number | undefined;
  start(): Promise<void>;
  /** SIGKILL; settles when it is gone. Twice is once, and says nothing of a process that had ended before. */
  kill(): Promise<PartEnd | undefined>;
  /** SIGTERM; settles when it is gone. */
  end(): Promise<PartEnd | undefined>;
  freeze(): void;
  thaw(): void;
}

const LOG_CHARACTERS = 2_000;

/** How often a program that ends before it answers is started. */
const STARTS = 3;

export function createPart(options: {
  /** For messages. */
  name: string;
  argv: string[];
  environment: NodeJS.ProcessEnv;
  /** Whether the process does its work by now. */
  answers: (pid: number) => Promise<boolean>;
  logFile: string;
  /** Whether its environment is still there: who waited for something may come late. */
  mayStart: () => boolean;
}): Part {
  let child: ChildProcess | undefined;
  const endBy = async (signal: NodeJS.Signals): Promise<PartEnd | undefined> => {
    const ending = child;
    child = undefined;
    if (ending?.pid === undefined || ending.exitCode !== null || ending.signalCode !== null) return undefined;
    const gone = once(ending, 'exit');
    ending.kill(signal);
    await gone;
    return { pid: ending.pid, signal: ending.signalCode, exitCode: ending.exitCode };
  };
  return {
    get pid() {
      return child?.pid;
    },
    async start() {
      for (let starts = 1; ; starts += 1) {
        try {
          return await startOnce();
        } catch (failure) {
          // A server that finds its ports taken by somebody who was as fast finds others the next time, as in `dev`.
          if (starts === STARTS || child === undefined || child.exitCode === null) throw failure;
        }
      }
    },
    kill: () => endBy('SIGKILL'),
    end: () => endBy('SIGTERM'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
  };

  async function startOnce(): Promise<void> {
    const [program = '', ...args] = options.argv;
    if (!options.mayStart()) throw new Error(`${program} is not started again: its environment was stopped`);
    const log = openSync(options.logFile, 'a');
    child = spawn(program, args, { env: options.environment, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    const pid = child.pid ?? 0;
    const ended = once(child, 'exit').then(([exitCode, signal]) => {
      throw new Error(`it ended with ${exitCode ?? signal}`);
    });
    const answered = until('answer', async () => (await options.answers(pid)) || undefined);
    try {
      await Promise.race([answered, ended]);
    } catch (failure) {
      const said = (await readFile(options.logFile, 'utf8')).slice(-LOG_CHARACTERS);
      throw new Error(`${options.name} does not come up: ${failure}; the end of its log: ${said}`);
    } finally {
      ended.catch(() => {});
      answered.catch(() => {});
    }
  }
}
