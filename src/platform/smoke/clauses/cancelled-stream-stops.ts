import { setTimeout as delay } from 'node:timers/promises';
import { servedModels } from '../../triton/tensors.js';
import { meanGapMs } from '../answer.js';
import { type Clause, ClauseBroken, type ClauseContext } from '../clause.js';
import { createGenerationWitness, type GenerationWitness, STANDSTILL_MS } from '../generation-witness.js';
import { type RunningStream, runStream } from '../running-stream.js';

const LOOK_MS = 25;

/** From which the pace of a stream can be told. */
const ENOUGH_CHUNKS = 5;

/** How long a stream that sends text may go unseen by the witness. */
const SHOWN_WITHIN_MS = 2_000;

/** How much longer the rest of an answer may take than its beginning did. */
const SLOWER_REST = 3;

/** What came of one stream that was cancelled; `unseen` says why it proves nothing. */
type Outcome = { seen: string; notice?: string } | { unseen: string };

/** A stream whose client goes away stops generating, so that it takes no time and memory from those who stayed. */
export const cancelledStreamStops: Clause = {
  name: 'cancelled-stream-stops',
  run: async (context) => {
    const outcomes = [await cancelled(context, servedModels.bls), await cancelled(context, servedModels.ensemble)];
    const notices = outcomes.flatMap((outcome) => ('unseen' in outcome ? outcome.unseen : (outcome.notice ?? [])));
    const seen = outcomes.flatMap((outcome) => ('seen' in outcome ? outcome.seen : []));
    return {
      seen: `${seen.join('; ') || 'Streams were cancelled, but what became of them could not be seen'}.`,
      ...(notices.length > 0 && { notice: `${notices.join('; ')}.` }),
    };
  },
};

async function cancelled(context: ClauseContext, model: string): Promise<Outcome> {
  const { client, smoke, limits, signal, newRequestId } = context;
  const withinMs = smoke.cancelWithinSeconds * 1000;
  const witness = await createGenerationWitness(context);
  if (!witness) return { unseen: `${model}: neither metrics nor statistics show what the server generates` };
  await expectIdle(witness, context.blsHeedsCancellation ? withinMs : smoke.finishWithinSeconds * 1000);

  const requestId = newRequestId();
  const tokens = limits.maxOutputTokens;
  const request = { model, text: smoke.prompt, maxTokens: tokens, minTokens: tokens, stream: true, requestId };
  const stream = runStream(client, request, { deadlineMs: smoke.finishWithinSeconds * 1000, signal });
  const stop = () => client.stop(requestId, { deadlineMs: smoke.firstTokenWithinSeconds * 1000, signal });
  try {
    const unseen = await untilSeen(context, { model, stream, witness });
    if (unseen !== undefined) return { unseen: `${model}: ${unseen}` };
    const tokenMs = meanGapMs(stream.chunks);
    // one wait for each way to stop it, and as long again, so that its own end is not taken for a stop
    if ((tokens - stream.chunks.length) * tokenMs < 3 * withinMs)
      return { unseen: `${model}: an answer of ${tokens} tokens, the engine’s most, ends by itself too soon to tell` };
    await stream.cancel();
    if (model === servedModels.bls && !context.blsHeedsCancellation) {
      const restMs = (tokens - stream.chunks.length) * tokenMs;
      return await goesOn({ model, witness, withinMs, restMs, tokenMs });
    }
    return await stopped({ model, witness, withinMs, tokenMs, stop });
  } finally {
    await stream.cancel();
    // what goes on for want of a stop would still be there when clients come; that there may be nothing is no fault
    if (model === servedModels.ensemble) await stop().catch(() => {});
  }
}

/** Waits for a cancelled stream to end in the server. The ensemble may need a stop of the same id as well. */
async function stopped({
  model,
  witness,
  withinMs,
  tokenMs,
  stop,
}: {
  model: string;
  witness: GenerationWitness;
  withinMs: number;
  tokenMs: number;
  stop: () => Promise<void>;
}): Promise<Outcome> {
  const afterCancel = await endsWithin(witness, withinMs, { tokenMs });
  if (afterCancel !== undefined)
    return { seen: `${model} stopped ${afterCancel} ms after it was cancelled, seen by ${witness.source}` };
  let tried = 'its stream was cancelled';
  if (model === servedModels.ensemble) {
    await stop();
    const afterStop = await endsWithin(witness, withinMs, { tokenMs, stops: 1 });
    if (afterStop !== undefined)
      return {
        seen: `${model} stopped ${afterStop} ms after a stop of the same request id, seen by ${witness.source}`,
        notice:
          'a cancelled stream of the ensemble goes on until tensorrt_llm gets a stop of the same request id, because ' +
          'Triton passes a cancellation on to no step that already runs',
      };
    tried += ' and tensorrt_llm was sent a stop of its request id';
  }
  throw new ClauseBroken({
    model,
    seen: `still generates ${withinMs} ms after ${tried}, seen by ${witness.source}`,
    advice: 'Every client that goes away would hold its place until its answer is whole.',
  });
}

/**
 * Waits for a cancelled stream that nobody can stop: the model does not look whether its client is there, and what it asks
 * of tensorrt_llm has an id of its own.
 */
async function goesOn({
  model,
  witness,
  withinMs,
  restMs,
  tokenMs,
}: {
  model: string;
  witness: GenerationWitness;
  withinMs: number;
  /** What is left of the answer takes about so long. */
  restMs: number;
  tokenMs: number;
}): Promise<Outcome> {
  const ended = await endsWithin(witness, withinMs + SLOWER_REST * restMs, { tokenMs });
  if (ended === undefined)
    throw new ClauseBroken({
      model,
      seen: `still generates ${Math.round(withinMs + SLOWER_REST * restMs)} ms after its stream was cancelled, which is longer than its answer takes, seen by ${witness.source}`,
      advice: 'Something else generates, or the answer has no end.',
    });
  if (ended <= withinMs)
    return { seen: `${model} stopped ${ended} ms after it was cancelled, seen by ${witness.source}` };
  return {
    seen: `${model} generated on for ${ended} ms after it was cancelled, seen by ${witness.source}`,
    notice: `a cancelled stream of ${model} goes on to the end of its answer, as this release’s model does not look whether its client is still there: let clients ask for no more tokens than they need`,
  };
}

/** What earlier clauses gave up has ended; what has not would hide the stream that this one cancels. */
async function expectIdle(witness: GenerationWitness, withinMs: number): Promise<void> {
  if (!witness.seesIdle) return;
  if ((await endsWithin(witness, Math.max(withinMs, 2 * STANDSTILL_MS))) !== undefined) return;
  throw new ClauseBroken({
    model: servedModels.generation,
    seen: `generates although every stream is over, seen by ${witness.source}`,
    advice: 'A request that was refused or given up goes on, or somebody else uses these ports.',
  });
}

/** @returns why the stream cannot be cancelled in a way that proves anything; undefined where it can */
async function untilSeen(
  { smoke }: ClauseContext,
  { model, stream, witness }: { model: string; stream: RunningStream; witness: GenerationWitness },
): Promise<string | undefined> {
  const startedAt = performance.now();
  const textBy = startedAt + smoke.firstTokenWithinSeconds * 1000;
  let textAt: number | undefined;
  for (;;) {
    const ended = stream.ended();
    if (ended?.error !== undefined) {
      const seen = `broke off an answer of the engine’s greatest length: ${ended.error instanceof Error ? ended.error.message : ended.error}`;
      throw new ClauseBroken({ model, seen, advice: 'Its prompt and length fit the engine.', cause: ended.error });
    }
    if (ended) return 'its answer was whole before it could be cancelled';
    const now = performance.now();
    if (stream.chunks.length >= ENOUGH_CHUNKS) {
      textAt ??= now;
      if (await witness.generates()) return undefined;
      if (now - textAt > SHOWN_WITHIN_MS) return `${witness.source} did not show that it generates`;
    } else if (now > textBy) {
      const seen = `sent ${stream.chunks.length} responses within ${smoke.firstTokenWithinSeconds} s`;
      throw new ClauseBroken({ model, seen, advice: 'It is too slow, or starved, for smoke.firstTokenWithinSeconds.' });
    }
    await delay(LOOK_MS);
  }
}

/** @returns after how many milliseconds nothing was generated any more; undefined where that took longer */
async function endsWithin(
  witness: GenerationWitness,
  withinMs: number,
  since?: Parameters<GenerationWitness['generates']>[0],
): Promise<number | undefined> {
  const startedAt = performance.now();
  for (;;) {
    const generates = await witness.generates(since);
    const elapsedMs = performance.now() - startedAt;
    // what is seen late, because the server was slow to say so, ended in time or not: nobody knows, so it did not
    if (elapsedMs > withinMs) return undefined;
    if (!generates) return Math.round(elapsedMs);
    await delay(LOOK_MS);
  }
}
