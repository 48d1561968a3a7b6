import { closeGate, isSame, lasting, nextActivities } from '../../support/catch-activities.js';
import { type PendingActivity, pendingWork } from '../../support/executions.js';
import { until } from '../../support/until.js';
import type { FaultContext } from './fault.js';

/** A pipeline that stands in the middle of a step. */
export interface Arrest {
  /** The step's activities that a worker has in hand. */
  caught: PendingActivity[];
  /** Whether worker and orchestrator are frozen, and not a tool or an answer of the Hub held. */
  frozen: boolean;
  /** Lets everything go on. Twice is once. */
  release(): Promise<void>;
}

/**
 * Starts the pipeline and stops it in the middle of its step: where its tool or the Hub can be held, there; else when it is
 * in the hands of the worker, which is frozen then, and so is the process that decides.
 */
export async function arrest(context: FaultContext): Promise<Arrest> {
  const { environment, step, start } = context;
  const gate = await closeGate(environment, step);
  if (gate === undefined) return stepTo(context);
  await start();
  await gate.closedOn(1);
  const caught = await until(`${step} in hand`, async () => {
    const inHand = await startedActivities(context);
    return inHand.length > 0 ? inHand : undefined;
  });
  return { caught, frozen: false, release: () => gate.open() };
}

async function startedActivities({ environment, step }: FaultContext): Promise<PendingActivity[]> {
  const { activities } = await pendingWork(environment.client);
  return activities.filter(({ type, started }) => type === step && started);
}

/** Lets worker and orchestrator run in turns, so that each activity is seen before the worker does anything with it. */
async function stepTo({ environment, step, workflowId, start }: FaultContext): Promise<Arrest> {
  const { client, orchestrator, worker } = environment;
  const seen: PendingActivity[] = [];
  orchestrator.freeze();
  await start();
  for (;;) {
    worker.freeze();
    orchestrator.thaw();
    const delivered = await nextActivities(environment, workflowId, seen);
    worker.freeze();
    orchestrator.freeze();
    const caught = delivered.filter(({ type }) => type === step);
    if (caught.length > 0 || delivered.length === 0) {
      if (delivered.length === 0) throw new Error(`the pipeline ended without ${step}`);
      return {
        caught,
        frozen: true,
        async release() {
          orchestrator.thaw();
          worker.thaw();
        },
      };
    }
    seen.push(...delivered.filter((one) => !seen.some((earlier) => isSame(earlier, one))));
    worker.thaw();
    await until('the end of what was delivered', async () => {
      const { activities } = await pendingWork(client);
      return activities.every(({ type }) => lasting.includes(type)) || undefined;
    });
  }
}
