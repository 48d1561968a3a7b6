import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

/** What a program printed that ended by itself. */
interface Answer {
  /** Undefined where it could not be started, or a signal ended it. */
  exitCode?: number;
  stdout: string;
  stderr: string;
}

interface Question {
  timeoutMs: number;
  /** @default this process's own */
  environment?: NodeJS.ProcessEnv;
}

/** Between SIGTERM and SIGKILL, and as long again for its end. */
const KILL_GRACE_MS = 1_000;

/** Programs that SIGKILL did not end. */
const hanging = new Set<string>();

/**
 * Asks a program that may hang in the kernel, as nvidia-smi does in a wedged driver, where no signal ends it: it is left behind
 * then, and not asked again before it has ended.
 * @returns undefined where it does not answer in time
 */
export async function answerWithin(
  program: string,
  programArguments: readonly string[],
  { timeoutMs, environment }: Question,
): Promise<Answer | undefined> {
  if (hanging.has(program)) return undefined;
  const child = execa(program, programArguments, {
    ...(environment === undefined ? {} : { env: environment }),
    stdin: 'ignore',
    reject: false,
    timeout: timeoutMs,
    forceKillAfterDelay: KILL_GRACE_MS,
  });
  const answered = new AbortController();
  const left = sleep(timeoutMs + 2 * KILL_GRACE_MS, undefined, { signal: answered.signal }).catch(() => undefined);
  const result = await Promise.race([child, left]);
  answered.abort();
  if (result !== undefined) return result.timedOut ? undefined : result;
  hanging.add(program);
  void child.finally(() => hanging.delete(program));
  // Neither it nor its pipes keep this process from ending.
  child.unref();
  child.stdout?.destroy();
  child.stderr?.destroy();
  return undefined;
}
