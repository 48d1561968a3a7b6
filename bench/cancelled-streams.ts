/**
 * How surely a stream that its client cancels stops generating in a real tritonserver with the CPU toolchain's model: one
 * stream after the other of tensorrt_llm_bls is cancelled at another moment, and the server's gauges are watched. What is lost
 * once in a hundred shows in some hundred rounds. Prints how many stopped, and after how long. Run:
 * npx tsx bench/cancelled-streams.ts [rounds]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createGenerationWitness } from '../src/platform/smoke/generation-witness.js';
import { runStream } from '../src/platform/smoke/running-stream.js';
import { createTritonClient } from '../src/platform/triton/client.js';
import { servedModels } from '../src/platform/triton/tensors.js';
import { waitUntilReady } from '../src/platform/triton/wait-until-ready.js';
import { ensembleModels } from '../src/toolchains/serving-templates.js';
import { prepareTinyTriton, tinyLimits } from '../test/support/tiny-triton.js';

const rounds = Number(process.argv[2] ?? 300);
const POLL_MS = 5;
/** Longer than anything that is on its way to an end. */
const STOPS_WITHIN_MS = 6_000;
const STARTS_WITHIN_MS = 20_000;

const tiny = await prepareTinyTriton();
const server = await tiny.start(await tiny.copyRepository('good'));
const client = createTritonClient({ url: server.grpcUrl });
const { signal } = new AbortController();
const stoppedAfterMs: number[] = [];
let wentOn = 0;
try {
  await waitUntilReady(client, {
    models: ensembleModels,
    deadlineMs: 60_000,
    stillAlive: async () => server.stillAlive(),
    signal,
  });
  for (let round = 0; round < rounds; round += 1) {
    const witness = await createGenerationWitness({ client, metricsUrl: server.metricsUrl, signal });
    if (witness === undefined) throw new Error('the server does not show what it generates');
    const tokens = tinyLimits.maxOutputTokens;
    const question = { model: servedModels.bls, text: 'hello', maxTokens: tokens, minTokens: tokens, stream: true };
    const stream = runStream(client, { ...question, requestId: `round-${round}` }, { deadlineMs: 300_000, signal });
    await before(STARTS_WITHIN_MS, async () => stream.chunks.length > round % 12 && (await witness.generates()));
    // Another moment between two looks of the server at whether its client is there.
    await delay(Math.random() * 40);
    await stream.cancel();
    const cancelledAtMs = performance.now();
    const hasStopped = await before(STOPS_WITHIN_MS, async () => !(await witness.generates({ tokenMs: POLL_MS })));
    if (hasStopped) stoppedAfterMs.push(performance.now() - cancelledAtMs);
    else wentOn += 1;
    if (!hasStopped) await before(300_000, async () => !(await witness.generates({ tokenMs: POLL_MS })));
  }
} finally {
  client.close();
  await server.stop();
  await tiny.remove();
}
const sorted = stoppedAfterMs.toSorted((left, right) => left - right);
const at = (share: number): string => `${Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN)} ms`;
process.stdout.write(
  `${stoppedAfterMs.length} of ${rounds} stopped: median ${at(0.5)}, 99 % ${at(0.99)}, slowest ${at(1)}; ${wentOn} went on\n`,
);

async function before(limitMs: number, isSo: () => Promise<boolean>): Promise<boolean> {
  const untilMs = performance.now() + limitMs;
  while (performance.now() < untilMs) {
    if (await isSo()) return true;
    await delay(POLL_MS);
  }
  return false;
}
