import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { DeploymentState } from '../contracts/deployment.js';
import { DeploymentHost } from './deployment-host.js';
import { describeQuery, promoteUpdate, stopUpdate } from './messages.js';

/** A Triton that ends by itself this often in a row, without an hour of service between, is not started again. */
const MAXIMUM_RESTARTS = 5;

/**
 * Owns one named endpoint for as long as it is wanted: its revisions, which of them serves, and the Triton behind it. One
 * promotion at a time; between them it watches the serving Triton and starts it again when it ends.
 */
export async function deployment(state: DeploymentState): Promise<void> {
  const host = new DeploymentHost(state);
  setHandler(describeQuery, () => host.state, { description: 'Current revision, endpoint and history.' });
  setHandler(promoteUpdate, (request) => host.exclusively(() => host.promote(request)), {
    description: 'Starts and smoke-tests a revision on private ports; only then does it take the name.',
  });
  setHandler(stopUpdate, () => host.exclusively(() => host.stop()), {
    description: 'Ends the serving Triton and keeps the history.',
  });

  let restarts = 0;
  while (true) {
    await condition(() => host.isServing() || host.isIdleAndLong());
    if (host.isIdleAndLong()) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof deployment>(host.state);
    }
    const watchedSince = Date.now();
    const ended = await watch(host);
    if (!ended) continue;
    restarts = Date.now() - watchedSince > 3_600_000 ? 1 : restarts + 1;
    await host.exclusively(() => (restarts > MAXIMUM_RESTARTS ? host.giveUp() : host.restart()));
    if (restarts > MAXIMUM_RESTARTS) restarts = 0;
    else await sleep(1000 * 2 ** restarts);
  }
}

/** Watches the current Triton. True when it ended by itself, false when a promotion or a stop made another one current. */
async function watch(host: DeploymentHost): Promise<boolean> {
  const number = host.state.currentNumber;
  const scope = new CancellationScope();
  let ended = false;
  const watching = scope
    .run(() => host.supervise(number))
    .then(() => {
      ended = true;
    })
    .catch((failure: unknown) => {
      if (!isCancellation(failure)) throw failure;
    });
  await Promise.race([
    watching,
    condition(() => host.state.currentNumber !== number || !host.isServing() || workflowInfo().continueAsNewSuggested),
  ]);
  const endedByItself = ended && host.state.currentNumber === number && host.isServing();
  scope.cancel();
  await watching;
  return endedByItself;
}
