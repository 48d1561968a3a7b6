import type { HubGate } from '../../../support/hub-gate.js';
import { until } from '../../../support/until.js';
import { arrest } from '../arrest.js';
import { type Fault, secondsSince } from '../fault.js';

/** The connection is cut in the middle of a file. */
export const cutConnection: Fault = {
  async inject(context) {
    const { hubGate } = context.environment;
    const { release } = await arrest(context);
    const before = hubGate.requests.length;
    const atMs = Date.now();
    const cut = hubGate.cut();
    await release();
    return goesOn(hubGate, { atMs, before, what: `${cut} answers cut` });
  },
};

/** The connection is cut in the middle of a file, and a gateway answers 503 to the next requests. */
export const serverError: Fault = {
  async inject(context) {
    const { hubGate } = context.environment;
    const { release } = await arrest(context);
    const before = hubGate.requests.length;
    const refuse = hubGate.refuse(503, 3);
    const atMs = Date.now();
    const cut = hubGate.cut();
    await release();
    const injected = await goesOn(hubGate, { atMs, before, what: `${cut} answers cut` });
    const refused = refuse();
    return {
      ...injected,
      proof: async () => {
        const proof = await injected.proof();
        return refused > 0 && proof !== null ? `${proof}, ${refused} requests answered 503` : null;
      },
    };
  },
};

async function goesOn(hubGate: HubGate, { atMs, before, what }: { atMs: number; before: number; what: string }) {
  const next = await until('the next answer', async () =>
    hubGate.requests.slice(before).find(({ status }) => status !== undefined && status < 300),
  );
  const { path, range } = next;
  return {
    recoverySeconds: secondsSince(atMs, next.atMs),
    // A file is gone on with; what has no bytes yet is asked for again.
    proof: async () => `${what}, then ${path.split('/').at(-1)?.split('?')[0]} ${range ?? 'from its start'}`,
  };
}
