/** A problem that whoever reads the terminal can solve: one line, no stack. */
export class SetupError extends Error {}

/** Prints one line of progress. On stderr, because a command's own output may be JSON on stdout. */
export const report = (message) => process.stderr.write(`setup: ${message}\n`);

/** Runs one part of the set-up and says how long it took. */
export async function reported(name, run) {
  const startedAt = performance.now();
  report(`${name} …`);
  const result = await run();
  report(`${name} done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return result;
}

/** Ends a bootstrap program: a SetupError as its line, anything else as the bug that it is. */
export function exitOnFailure(main) {
  main().catch((failure) => {
    process.stderr.write(`${failure instanceof SetupError ? `setup: ${failure.message}` : failure.stack}\n`);
    process.exitCode = 1;
  });
}
