import type { GeneratedChunk } from '../triton/infer-stream.js';
import { type Answer, hasText, joinedText, type Question } from './answer.js';
import { ClauseBroken, quoted, type Served } from './clause.js';

export interface Asker {
  /** Of a usual answer: `smoke.maxTokens`, as far as the engine allows it. */
  maxTokens: number;
  /** An id that no other request has. */
  newRequestId(): string;
  /**
   * Asks, and waits for the whole answer.
   * @throws ClauseBroken with what had come where the answer did not come whole and in time
   */
  ask(question: Question): Promise<Answer>;
  /** The answer to a question that was asked while nothing else was; asked once, however many clauses need it. */
  askAlone(question: Question): Promise<Answer>;
}

/** Asks under ids that begin with `requestId`, until the signal is aborted. */
export function createAsker(
  { client, smoke, limits }: Served,
  { requestId, signal }: { requestId: string; signal: AbortSignal },
): Asker {
  const firstTokenMs = smoke.firstTokenWithinSeconds * 1000;
  const finishMs = smoke.finishWithinSeconds * 1000;
  const answers = new Map<string, Promise<Answer>>();
  let requests = 0;
  const newRequestId = () => `${requestId}-${++requests}`;

  /** Collects what the model responds into `seen`, so that it can be told when this throws. */
  async function collect({ prompt: text, ...asked }: Question, seen: GeneratedChunk[]): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`no text came within ${firstTokenMs} ms`)), firstTokenMs);
    // an unstreamed answer comes whole: only its end can be late
    if (!asked.stream) clearTimeout(timer);
    try {
      const bounds = { deadlineMs: finishMs, signal: AbortSignal.any([signal, late.signal]) };
      for await (const chunk of client.streamGenerate({ ...asked, text, requestId: newRequestId() }, bounds)) {
        seen.push(chunk);
        if (chunk.text) clearTimeout(timer);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async function ask(question: Question): Promise<Answer> {
    const seen: GeneratedChunk[] = [];
    const answer = (): Answer => ({ chunks: seen.filter(hasText), totalMs: seen.at(-1)?.elapsedMs ?? 0 });
    try {
      await collect(question, seen);
      return answer();
    } catch (cause) {
      signal.throwIfAborted();
      throw new ClauseBroken({
        model: question.model,
        seen:
          `did not answer ${quoted(question.prompt)} whole: ${cause instanceof Error ? cause.message : cause} ` +
          `Seen: ${seen.length} responses, text ${quoted(joinedText(answer()))}`,
        advice:
          'A prompt that the engine has no room for, or deadlines that are too short, are changed in the spec’s smoke.',
        cause,
      });
    }
  }

  return {
    maxTokens: Math.min(smoke.maxTokens, limits.maxOutputTokens),
    newRequestId,
    ask,
    askAlone: (question) => {
      const key = JSON.stringify(question);
      const answer = answers.get(key) ?? ask(question);
      answers.set(key, answer);
      return answer;
    },
  };
}
