import { CancellationScope, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { DeploymentHost } from './deployment-host.js';

/** Waits until the pipelines have ended that a deployment has yielded to, and has it serve again. */
export async function comeBackInTime(host: DeploymentHost): Promise<void> {
  const { yielded } = host.state;
  const scope = new CancellationScope();
  let isOver = false;
  const waiting = scope
    .run(() => host.awaitBorrowers())
    .then(() => {
      isOver = true;
    })
    .catch((failure: unknown) => {
      // What cannot be waited for keeps no deployment from serving.
      isOver = !isCancellation(failure);
    });
  await Promise.race([
    waiting,
    condition(() => host.state.yielded !== yielded || workflowInfo().continueAsNewSuggested),
  ]);
  scope.cancel();
  await waiting;
  if (!isOver) return;
  await host.exclusively(async () => {
    // While this waited for its turn, one more pipeline, a promotion or a stop may have come.
    if (host.state.yielded === yielded && !host.isBeingStopped()) await host.current.comeBack();
  });
}
