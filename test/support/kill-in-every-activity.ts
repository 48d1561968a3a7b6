import { catches, closeGate, type Gate, isSame, isTakenUp, lasting, nextActivities } from './catch-activities.js';
import type { ChaosEnvironment } from './chaos-environment.js';
import { type PendingActivity, pendingWork } from './executions.js';
import { until } from './until.js';

/**
 * Goes through a pipeline in single steps, and kills the worker in each activity that it meets for the first time. The
 * process that decides is frozen while activities run, and the one that runs them while it decides: so each activity is seen
 * in the hands of a worker before it does anything, and a kill can be put exactly there, or later, where a gate holds it.
 * @returns what was in the hands of a worker when it was killed, once for each kill; and activities without a row above
 */
export async function killInEveryActivity(
  environment: ChaosEnvironment,
  pipeline: string,
  start: () => Promise<unknown>,
): Promise<{ killed: PendingActivity[]; unknown: string[] }> {
  const { client, orchestrator, worker } = environment;
  const gates = await closeGates(environment);
  const killed: PendingActivity[] = [];
  const unknown = new Set<string>();
  const kill = async (): Promise<void> => {
    worker.freeze();
    const caught = (await pendingWork(client)).activities.filter(({ started }) => started);
    await worker.kill();
    await worker.start();
    killed.push(...caught.filter(({ type }) => type !== 'superviseRevision'));
    await until('the next attempts', async () => {
      const { activities } = await pendingWork(client);
      return (
        caught.every((earlier) =>
          isTakenUp(
            activities.find((now) => isSame(now, earlier)),
            earlier,
          ),
        ) || undefined
      );
    });
  };
  orchestrator.freeze();
  await start();
  for (;;) {
    worker.freeze();
    orchestrator.thaw();
    const delivered = await nextActivities(environment, pipeline, killed);
    orchestrator.freeze();
    const fresh = delivered.filter(({ type }) => !killed.some((earlier) => earlier.type === type));
    for (const { type } of fresh) if (!(type in catches) && !lasting.includes(type)) unknown.add(type);
    if (fresh.some(({ type }) => catches[type] === 'delivered')) await kill();
    worker.thaw();
    const held = Object.entries(gates).filter(([type]) => delivered.some((activity) => activity.type === type));
    for (const [type, gate] of held) await gate.closedOn(delivered.filter((activity) => activity.type === type).length);
    if (held.length > 0) await kill();
    for (const [type, gate] of held) {
      await gate.open();
      delete gates[type];
    }
    if (delivered.length === 0) break;
    await until('the end of what was delivered', async () => {
      const { activities } = await pendingWork(client);
      return activities.every(({ type }) => lasting.includes(type)) || undefined;
    });
  }
  orchestrator.thaw();
  return { killed, unknown: [...unknown] };
}

async function closeGates(environment: ChaosEnvironment): Promise<Record<string, Gate>> {
  const gates: Record<string, Gate> = {};
  for (const type of Object.keys(catches)) {
    const gate = await closeGate(environment, type);
    if (gate !== undefined) gates[type] = gate;
  }
  return gates;
}
