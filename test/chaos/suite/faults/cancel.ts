import { until } from '../../../support/until.js';
import { arrest } from '../arrest.js';
import { type Fault, type FaultContext, secondsSince } from '../fault.js';
import { untilHostIsFree } from '../free-host.js';
import { takeInventory } from '../inventory.js';

/** A cancellation in the middle of the step: recovery is when nothing of the pipeline is left on the host. */
export const cancel: Fault = {
  inject: (context) => cancelAt(context),
};

/**
 * A cancellation that the worker never hears of: it is killed with the step in hand, and another one starts when the pipeline
 * has ended. Recovery is from that start to a host that is free.
 */
export const cancelUnheard: Fault = {
  async inject(context) {
    const { client, worker } = context.environment;
    const before = await takeInventory(context.environment);
    const { release } = await arrest(context);
    const pipeline = client.workflow.getHandle(context.workflowId);
    await pipeline.cancel();
    const killed = await worker.kill();
    await release();
    await until(
      'the end of the pipeline',
      async () => (await pipeline.describe()).status.name !== 'RUNNING' || undefined,
    );
    await worker.start();
    const atMs = Date.now();
    const left = await untilHostIsFree(context.environment, before);
    return {
      recoverySeconds: left.length === 0 ? secondsSince(atMs) : null,
      problems: left,
      proof: async () =>
        killed?.signal === 'SIGKILL' ? `worker ${killed.pid} ended by SIGKILL after the cancellation` : null,
    };
  },
};

/** What a download has so far, given back: the next one goes on from there. */
const KEPT_DOWNLOAD =
  /^left in files: cache\/downloads\/[0-9a-f]{64}\/files(?:\/[^/]+|\.download\/[^/]+(?:\.json|\.released-[0-9a-f]+\.part))$/;

async function cancelAt(context: FaultContext) {
  const { client } = context.environment;
  const before = await takeInventory(context.environment);
  const mayLeave = context.step === 'download' ? KEPT_DOWNLOAD : undefined;
  const { frozen, release } = await arrest(context);
  const atMs = Date.now();
  await client.workflow.getHandle(context.workflowId).cancel();
  // A tool that is held has to be ended; what only a frozen worker has in hand goes on.
  if (frozen) await release();
  const left = await untilHostIsFree(context.environment, before, { workflowId: context.workflowId, mayLeave });
  await release();
  return {
    recoverySeconds: left.length === 0 ? secondsSince(atMs) : null,
    problems: left,
    mayLeave,
    proof: async () => {
      const { events } = await client.workflow.getHandle(context.workflowId).fetchHistory();
      const asked = events?.find((event) => event.workflowExecutionCancelRequestedEventAttributes);
      return asked ? `cancel requested in event ${asked.eventId}, ${context.step} in hand` : null;
    },
  };
}
