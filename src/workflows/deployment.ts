import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  patched,
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

/** What makes up for the ends before it. */
const ENOUGH_SERVICE_MS = 3_600_000;

/** Since then each revision has its own ends counted, and an hour of service counts whatever ended it. */
const COUNTS_BY_REVISION = '2026-11-ends-by-revision';

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
  /** Ends and failed starts in a row, and of which revision. */
  let times = 0;
  let revision = 0;
  while (true) {
    // With a long history nothing is watched any more: an operation that still runs ends first.
    await condition(
      () =>
        host.isIdleAndLong() ||
        ((host.isServing() || host.hasYielded() || host.current.hasFallen()) && !workflowInfo().continueAsNewSuggested),
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
    const { endpoint, status, currentNumber } = host.state;
    if (currentNumber !== revision && patched(COUNTS_BY_REVISION)) times = 0;
    revision = currentNumber;
    const isDown = host.current.hasFallen() || (await watch(host));
    const hasServedLong = Date.now() - watchedSince > ENOUGH_SERVICE_MS;
    if (!isDown) {
      if (hasServedLong && patched(COUNTS_BY_REVISION)) times = 0;
      continue;
    }
    times = hasServedLong ? 1 : times + 1;
    const exhausted = times > MAXIMUM_RESTARTS;
    const acted = await host.exclusively(async () => {
      const { state } = host;
      // While this waited for its turn, a promotion may have put something else in its place, or a stop may have come.
      const isSame = state.endpoint === endpoint && state.status === status && state.currentNumber === currentNumber;
      if (!isSame || host.isBeingStopped()) return false;
      await (exhausted ? host.current.giveUp() : host.current.restart());
      return true;
    });
    if (!acted && patched(COUNTS_BY_REVISION)) {
      times -= 1;
      continue;
    }
    if (exhausted) times = 0;
    else if (times < MAXIMUM_RESTARTS || !host.current.hasFallen()) await sleep(1000 * 2 ** times);
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
