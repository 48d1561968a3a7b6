import { execFile } from 'node:child_process';

/** A daemon that takes longer is asked again. */
const TIMEOUT_MS = 30_000;

/**
 * Runs a job's end command once. The supervisor imports this: Node's own modules only.
 * @returns undefined when nothing of the run is left, else what the command said
 */
export function runEndCommand(argv: readonly string[] | undefined): Promise<string | undefined> {
  const [program, ...rest] = argv ?? [];
  if (program === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    execFile(program, rest, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, _, stderr) =>
      resolve(error === null ? undefined : stderr.trim() || error.message),
    );
  });
}
