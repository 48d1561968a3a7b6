import type { PartEnd } from '../../../support/part.js';
import { until } from '../../../support/until.js';
import { arrest } from '../arrest.js';
import { type Fault, type FaultContext, type Injected, secondsSince } from '../fault.js';
import { untilHistoryGoesOn } from '../progress.js';

/** SIGKILL of Temporal's server in the middle of the step, which is over when it comes back. */
export const killTemporal: Fault = {
  async inject(context) {
    const { temporal } = context.environment;
    const { release } = await arrest(context);
    const atMs = Date.now();
    const killed = await temporal.kill();
    await release();
    await temporal.start();
    return afterKill(context, { atMs, killed, what: 'Temporal server' });
  },
};

/** SIGKILL of the worker that runs workflows. */
export const killOrchestrator: Fault = {
  async inject(context) {
    const { orchestrator } = context.environment;
    const { release } = await arrest(context);
    const atMs = Date.now();
    const killed = await orchestrator.kill();
    await release();
    await orchestrator.start();
    return afterKill(context, { atMs, killed, what: 'workflow worker' });
  },
};

async function afterKill(
  context: FaultContext,
  { atMs, killed, what }: { atMs: number; killed: PartEnd | undefined; what: string },
): Promise<Injected> {
  return {
    recoverySeconds: await untilHistoryGoesOn(context, atMs),
    proof: async () =>
      killed?.signal === 'SIGKILL' ? `${what} ${killed.pid} ended by SIGKILL with ${context.step} in hand` : null,
  };
}

/** SIGKILL of the Hub mirror in the middle of an answer. */
export const killMirror: Fault = {
  async inject(context) {
    const { hub, hubGate } = context.environment;
    const { release } = await arrest(context);
    const before = hubGate.requests.length;
    const atMs = Date.now();
    const killed = await hub.kill();
    await release();
    await until('the next request', async () => hubGate.requests.length > before || undefined);
    await hub.start();
    const answered = await until('an answer', async () =>
      hubGate.requests.slice(before).find(({ status }) => status !== undefined && status < 300),
    );
    return {
      recoverySeconds: secondsSince(atMs, answered.atMs),
      proof: async () =>
        killed?.signal === 'SIGKILL'
          ? `Hub mirror ${killed.pid} ended by SIGKILL; ${hubGate.requests.length - before} requests after it`
          : null,
    };
  },
};
