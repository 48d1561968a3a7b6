import { servedModels } from '../../triton/tensors.js';
import { type Answer, gapsMs, joinedText } from '../answer.js';
import { type Clause, ClauseBroken, quoted } from '../clause.js';

/** Of the answer, in the report: it stands in the history of every revision. */
const KEPT_CHARACTERS = 1_000;

/** Responses that are nearer to each other than this share of the whole time, or than a socket is read, came at once. */
const AT_ONCE_SHARE = 0.1;
const AT_ONCE_MS = 2;

/** A busy client reads late what came in time; a server that keeps text back does so each time. */
const TRIES = 3;

/** An answer that is whole by then is there before anybody could see it grow: a tiny model's, and no buffer's. */
const TOO_SOON_MS = 50;

/** Whether the text arrived at one moment, as from a server that keeps it back to the end. */
const cameAtOnce = (answer: Answer): boolean => arrivals(answer) < 2;

/** Distinct moments at which text arrived. */
function arrivals({ chunks, totalMs }: Answer): number {
  const atOnceMs = Math.max(AT_ONCE_MS, AT_ONCE_SHARE * totalMs);
  let count = 0;
  let latest = Number.NEGATIVE_INFINITY;
  for (const { elapsedMs } of chunks) {
    if (elapsedMs - latest < atOnceMs) continue;
    latest = elapsedMs;
    count += 1;
  }
  return count;
}

/** The first token in time, and the rest one after the other: the deadlines are held by whoever asks. */
export const streams: Clause = {
  name: 'streams',
  run: async ({ smoke, maxTokens, ask, askAlone }) => {
    const model = servedModels.ensemble;
    const question = { model, prompt: smoke.prompt, maxTokens, stream: true };
    const answer = await askAlone(question);
    const { chunks, totalMs } = answer;
    const text = joinedText(answer);
    const broken = (seen: string, advice: string) =>
      new ClauseBroken({ model, seen: `${seen} (${quoted(text)})`, advice });
    if (text === '')
      throw broken(
        'answered, but no text was generated',
        'A prompt that the model takes for finished needs another wording: smoke.prompt.',
      );
    if (chunks.length < 2)
      throw broken(
        'sent the text in one chunk, so it is not streamed',
        'Is the model filled with decoupled_mode True?',
      );
    const answers = [answer];
    while (answers.every(cameAtOnce) && answers.length < TRIES) answers.push(await ask(question));
    const atOnce = answers.every(cameAtOnce);
    const tooSoon = answers.some((tried) => tried.totalMs < TOO_SOON_MS);
    if (atOnce && !tooSoon)
      throw broken(
        `kept ${chunks.length} chunks back and sent them at once after ${Math.round(totalMs)} ms, ${TRIES} times`,
        'A buffer between the model and its clients takes the sense out of streaming.',
      );
    const firstMs = chunks.find((chunk) => chunk.text !== '')?.elapsedMs ?? 0;
    return {
      seen: `${chunks.length} chunks, the first text after ${Math.round(firstMs)} ms, the final flag after ${Math.round(totalMs)} ms.`,
      ...(atOnce && { notice: `an answer is whole within ${TOO_SOON_MS} ms: too soon to tell whether it is streamed` }),
      measured: {
        model,
        text: text.slice(0, KEPT_CHARACTERS),
        chunks: chunks.length,
        timeToFirstTokenMs: firstMs,
        betweenTokensMs: gapsMs(chunks),
        totalMs,
      },
    };
  },
};
