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
export const catches: Record<string, Catch> = {
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
export const lasting = ['promote', 'superviseRevision'];

/** How long a workflow may be silent that waits for what a lasting activity says. */
const SILENCE_MS = 300;

/** Holds activities of one type in their middle. */
export interface Gate {
  /** Settles when so many of them are held. */
  closedOn(count: number): Promise<unknown>;
  open(): Promise<void>;
}

/** Of the partial files below a directory: small ones of other files are on their way at the same time. */
const largestPartialBytes = (directory: string): number =>
  Math.max(
    0,
    ...readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.part'))
      .map((name) => statSync(join(directory, name)).size),
  );

/** What the workflows ask for next, in the hands of the worker; nothing when the pipeline has ended. */
export async function nextActivities(
  { client, worker }: ChaosEnvironment,
  pipeline: string,
  killed: readonly PendingActivity[],
): Promise<PendingActivity[]> {
  let silentSinceMs: number | undefined;
  return until('activities', async () => {
    const { activities, deciding } = await pendingWork(client);
    // The list of open workflows follows later than a workflow begins.
    if ((await client.workflow.getHandle(pipeline).describe()).status.name !== 'RUNNING') return [];
    const isNews = ({ type, workflowId }: PendingActivity): boolean =>
      type !== 'superviseRevision' &&
      !(lasting.includes(type) && killed.some((earlier) => earlier.workflowId === workflowId && earlier.type === type));
    if (deciding || !activities.every(({ started }) => started)) return undefined;
    if (activities.some(isNews)) return activities;
    if (!activities.some(({ type }) => lasting.includes(type))) return undefined;
    // They wait for what a lasting activity says, so the worker is let go on.
    silentSinceMs ??= Date.now();
    if (Date.now() - silentSinceMs > SILENCE_MS) worker.thaw();
    return undefined;
  });
}

type ActivityName = Pick<PendingActivity, 'workflowId' | 'activityId'>;

export const isSame = (left: ActivityName, right: ActivityName): boolean =>
  left.workflowId === right.workflowId && left.activityId === right.activityId;

/** Whether another attempt runs, or has come to its end already. */
export const isTakenUp = (now: PendingActivity | undefined, earlier: PendingActivity): boolean =>
  now === undefined || (now.attempt > earlier.attempt && now.started);

/** @returns undefined for an activity that is not held anywhere, but caught when it is delivered */
export async function closeGate(environment: ChaosEnvironment, type: string): Promise<Gate | undefined> {
  const how = catches[type];
  if (how === undefined || how === 'delivered') return undefined;
  if (!('tool' in how)) return hubGate(environment, how);
  return environment.toolchain.has(how.tool) ? toolGate(environment, how) : undefined;
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
  { hubGate: gate, places, view }: ChaosEnvironment,
  { hub, afterBytes }: { hub: RegExp; afterBytes: number },
): Gate {
  const hold = gate.hold(hub, afterBytes);
  return {
    open: async () => hold.release(),
    async closedOn() {
      await hold.reached;
      // What is through has not arrived yet.
      if (afterBytes === 0) return;
      await until('bytes', async () => largestPartialBytes(view(places.downloads)) > afterBytes / 10 || undefined);
    },
  };
}
