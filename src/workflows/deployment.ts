import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { DeploymentState, YieldRequest } from '../contracts/deployment.js';
import { comeBackInTime } from './come-back.js';
import { DeploymentHost } from './deployment-host.js';
import {
  describeQuery,
  promoteUpdate,
  type RollbackRequest,
  rollbackUpdate,
  stopUpdate,
  withdrawSignal,
  yieldUpdate,
} from './messages.js';
import { assertMayYield } from './yielding.js';

/** A Triton that ends or does not come up this often in a row, without an hour of service between, is not started again. */
const MAXIMUM_RESTARTS = 5;

/**
 * Owns one named endpoint for as long as it is wanted: its revisions, which of them serves, and the Triton behind it. One
 * promotion at a time; between them it watches the serving Triton and starts it again when it ends.
 */
export async function deployment(state: DeploymentState): Promise<void> {
  const host = new DeploymentHost(state);
  setHandler(describeQuery, () => host.state, { description: 'Current revision, endpoint and history.' });
  setHandler(promoteUpdate, (request) => host.promoteInTurn(request), {
    description: 'Starts and smoke-tests a revision on private ports; only then does it take the name.',
    // Refused before it is in the history: the handler would fail at it again and again, and nothing else would go on.
    validator: (request) => {
      if (request?.name === state.name && request.revision?.host !== undefined) return;
      throw ApplicationFailure.nonRetryable(
        `This is no promotion to ${state.name}: pipelines send them, see PromoteRequest in src/contracts/deployment.ts.`,
        'InvalidSpec',
      );
    },
  });
  setHandler(rollbackUpdate, (request = {}) => host.rollbackInTurn(request), {
    description: 'Brings an earlier revision back: {"to": N}, or the newest earlier one that differs.',
    validator: (request) => {
      if (isRollback(request)) return;
      throw ApplicationFailure.nonRetryable(
        'A rollback takes {"to": N}, N the number of an earlier revision, or nothing.',
        'InvalidSpec',
      );
    },
  });
  setHandler(withdrawSignal, (promotion) => host.withdraw(promotion));
  setHandler(yieldUpdate, (request) => host.exclusively(() => host.yieldTo(request)), {
    description: 'Serves nothing until a pipeline of this name has ended, whose steps need the GPUs.',
    validator: (request) => {
      if (!isYield(request)) {
        throw ApplicationFailure.nonRetryable(
          'Steps of pipelines send this: see YieldRequest in src/contracts/deployment.ts.',
          'InvalidSpec',
        );
      }
      assertMayYield(state, request);
    },
  });
  setHandler(stopUpdate, () => host.stopInTurn(), { description: 'Ends the serving Triton and keeps the history.' });

  try {
    await keepServing(host);
  } catch (failure) {
    // Whoever cancels a deployment wants it gone, and nobody else would ever end its Triton.
    if (isCancellation(failure)) await CancellationScope.nonCancellable(() => host.exclusively(() => host.stop()));
    throw failure;
  }
}

/** Updates come past every type, from `temporal workflow update execute` too. */
function isRollback(request: unknown): request is RollbackRequest | undefined {
  if (request === undefined) return true;
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return false;
  return Object.entries(request).every(([key, to]) => key === 'to' && Number.isSafeInteger(to) && to > 0);
}

function isYield(request: unknown): request is YieldRequest {
  if (typeof request !== 'object' || request === null) return false;
  const { pipeline, runId, expectedRevision }: Partial<Record<string, unknown>> = { ...request };
  return typeof pipeline === 'string' && typeof runId === 'string' && typeof expectedRevision === 'number';
}

async function keepServing(host: DeploymentHost): Promise<never> {
  let restarts = 0;
  while (true) {
    // With a long history nothing is watched any more: an operation that still runs ends first.
    await condition(
      () =>
        host.isIdleAndLong() ||
        ((host.isServing() || host.hasYielded() || host.hasFallen()) && !workflowInfo().continueAsNewSuggested),
    );
    if (host.isIdleAndLong()) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof deployment>(host.state);
    }
    if (host.hasYielded()) {
      await comeBackInTime(host);
      continue;
    }
    const watchedSince = Date.now();
    const { endpoint, status } = host.state;
    if (!host.hasFallen() && !(await watch(host))) continue;
    restarts = Date.now() - watchedSince > 3_600_000 ? 1 : restarts + 1;
    const exhausted = restarts > MAXIMUM_RESTARTS;
    await host.exclusively(async () => {
      // While this waited for its turn, a promotion may have put something else in its place, or a stop may have come.
      if (host.state.endpoint !== endpoint || host.state.status !== status || host.isBeingStopped()) return;
      await (exhausted ? host.giveUp() : host.restart());
    });
    if (exhausted) restarts = 0;
    else if (restarts < MAXIMUM_RESTARTS || !host.hasFallen()) await sleep(1000 * 2 ** restarts);
  }
}

/** Watches the current Triton. True when it ended by itself, false when a promotion or a stop made another one current. */
async function watch(host: DeploymentHost): Promise<boolean> {
  const { currentNumber: number, endpoint } = host.state;
  const scope = new CancellationScope();
  let ended = false;
  const watching = scope
    .run(() => host.supervise(number))
    .then(() => {
      ended = true;
    })
    .catch((failure: unknown) => {
      // What cannot be watched is started again, which finds it running or replaces it.
      ended = !isCancellation(failure);
    });
  await Promise.race([
    watching,
    condition(() => host.state.endpoint !== endpoint || !host.isServing() || workflowInfo().continueAsNewSuggested),
  ]);
  const endedByItself = ended && host.state.endpoint === endpoint && host.isServing();
  scope.cancel();
  await watching;
  return endedByItself;
}
