import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ChaosEnvironment } from './chaos-environment.js';
import { type PendingActivity, pendingWork } from './executions.js';
import { until } from './until.js';

/**
 * How each activity is caught in its middle. `tool`: its program is held, before it works or when its output is there and
 * its outcome is not. `hub`: an answer of the Hub is held. `delivered`: it is given to a worker that is frozen; that is for
 * those that take milliseconds.
 */
const catches: Record<string, Catch> = {
  admit: { hub: /\/revision\/main/, afterBytes: 0 },
  locate: 'delivered',
  download: { hub: /model\.safetensors$/, afterBytes: 500_000 },
  sliceDataset: 'delivered',
  quantize: { tool: 'quantize.py', moment: 'before' },
  convert: { tool: 'convert_checkpoint.py', moment: 'after' },
  build: { tool: 'trtllm-build', moment: 'after' },
  evaluate: { tool: 'summarize.py', moment: 'before' },
  compareEngines: { tool: 'compare_engines.py', moment: 'after' },
  gate: 'delivered',
  describeServing: 'delivered',
  promote: 'delivered',
  startRevision: { tool: 'launch_triton_server.py', moment: 'before' },
  smokeTest: 'delivered',
  gateServed: 'delivered',
};

type Catch = 'delivered' | { tool: string; moment: 'before' | 'after' } | { hub: RegExp; afterBytes: number };

/** They last as long as others work: nothing waits for their end. */
const lasting = ['promote', 'superviseRevision'];

/** How long a workflow may be silent that waits for what a lasting activity says. */
const SILENCE_MS = 300;

/** Holds activities of one type in their middle. */
interface Gate {
  /** Settles when so many of them are held. */
  closedOn(count: number): Promise<unknown>;
  open(): Promise<void>;
}

/** Bytes in partial files below a directory. */
const partialBytes = (directory: string): number =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.part'))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);

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

/** What the workflows ask for next, in the hands of the worker; nothing when the pipeline has ended. */
async function nextActivities(
  { client, worker }: ChaosEnvironment,
  pipeline: string,
  killed: readonly PendingActivity[],
): Promise<PendingActivity[]> {
  let silentSinceMs: number | undefined;
  return until('activities', async () => {
    const { open, activities, deciding } = await pendingWork(client);
    if (!open.includes(pipeline)) return [];
    const isNews = ({ type, workflowId }: PendingActivity): boolean =>
      type !== 'superviseRevision' &&
      !(lasting.includes(type) && killed.some((earlier) => earlier.workflowId === workflowId && earlier.type === type));
    if (deciding || !activities.every(({ started }) => started)) return undefined;
    if (activities.some(isNews)) return activities;
    // They wait for what a lasting activity says, so the worker is let go on.
    silentSinceMs ??= Date.now();
    if (Date.now() - silentSinceMs > SILENCE_MS) worker.thaw();
    return undefined;
  });
}

const isSame = (left: PendingActivity, right: PendingActivity): boolean =>
  left.workflowId === right.workflowId && left.activityId === right.activityId;

/** Whether another attempt runs, or has come to its end already. */
const isTakenUp = (now: PendingActivity | undefined, earlier: PendingActivity): boolean =>
  now === undefined || (now.attempt > earlier.attempt && now.started);

async function closeGates(environment: ChaosEnvironment): Promise<Record<string, Gate>> {
  const gates: Record<string, Gate> = {};
  for (const [type, how] of Object.entries(catches)) {
    if (how === 'delivered') continue;
    if ('tool' in how) {
      if (environment.toolchain.has(how.tool)) gates[type] = await toolGate(environment, how);
    } else {
      gates[type] = hubGate(environment, how);
    }
  }
  return gates;
}

async function toolGate(
  { toolchain }: ChaosEnvironment,
  { tool, moment }: { tool: string; moment: 'before' | 'after' },
): Promise<Gate> {
  const open = await toolchain.hold(tool, moment);
  return {
    open,
    closedOn: (count) =>
      until(`held ${tool}`, async () => {
        const held = (await toolchain.runs()).filter(
          (run) => run.program === tool && run.held && run.exit === undefined,
        );
        return held.length >= count || undefined;
      }),
  };
}

function hubGate(
  { hubGate: gate, places }: ChaosEnvironment,
  { hub, afterBytes }: { hub: RegExp; afterBytes: number },
): Gate {
  const hold = gate.hold(hub, afterBytes);
  return {
    open: async () => hold.release(),
    async closedOn() {
      await hold.reached;
      // What is through has not arrived yet.
      if (afterBytes > 0) await until('bytes', async () => partialBytes(places.downloads) > 0 || undefined);
    },
  };
}
