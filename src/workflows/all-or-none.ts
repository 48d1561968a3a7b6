import { CancellationScope, isCancellation } from '@temporalio/workflow';

/**
 * Runs tasks side by side in one cancellation scope: when one fails, the others are cancelled, and all of them have ended
 * before this returns. So a failed pipeline leaves no process behind on some other host.
 * @throws the first failure that is not a mere consequence of the cancellation
 */
export async function allOrNone<Results extends unknown[]>(
  tasks: {
    [Index in keyof Results]: () => Promise<Results[Index]>;
  },
): Promise<Results> {
  const scope = new CancellationScope();
  const failures: unknown[] = [];
  return scope.run(async () => {
    const results = await Promise.all(
      tasks.map((task) =>
        task().catch((failure: unknown) => {
          failures.push(failure);
          scope.cancel();
          return undefined;
        }),
      ),
    );
    if (failures.length > 0) throw failures.find((failure) => !isCancellation(failure)) ?? failures[0];
    return results as Results;
  });
}
