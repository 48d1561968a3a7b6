import { createServer } from 'node:http';
import type { InferRequest } from '../../../src/platform/triton/protocol.js';
import { listenOnLoopback } from '../triton/loopback.js';
import {
  type Answer,
  finalAnswer,
  startTestPeer,
  type TestPeer,
  textAnswer,
  tokensAnswer,
} from '../triton/test-peer.js';

/** How a server misbehaves; what is not named, it does as upstream's does. */
export interface Faults {
  /** What a stream's response says instead. */
  streamed?: (text: string, at: { model: string; index: number; prompt: string }) => string;
  /** What an unstreamed response says instead. */
  whole?: (text: string, model: string) => string;
  /** Keeps a stream's text back and sends it at once, where it is of so many tokens at most. */
  burst?: number;
  /** Generates a token in this time: with slow ones, a busy client still sees a burst as one. */
  tokenMs?: number;
  /** BLS streams what is new, as with accumulate_tokens False. */
  notAccumulating?: boolean;
  /** Generates so many tokens more than were asked for. */
  surplusTokens?: number;
  /** Answers requests that it must refuse, by the message with which others refuse them. */
  accepts?: RegExp;
  /** Answers them with silence. */
  ignores?: RegExp;
  /** A bad request ends every stream that runs. */
  fragile?: boolean;
  /** Streams get each other's texts while there are several. */
  mixesUp?: boolean;
  /** Serves so many streams at once and forgets the others. */
  places?: number;
  /** Generates on for a client that went away: one model, both by cancelling, or also against a stop. */
  goesOn?: 'ensemble' | 'bls' | 'cancelled' | 'stopped';
  /** What shows what it generates. */
  shows?: 'gauges' | 'gauges that stay up' | 'statistics';
}

export interface SmokePeer extends TestPeer {
  metricsUrl: string;
}

export const peerLimits = { maxInputTokens: 64, maxOutputTokens: 1000, maxPromptTokens: 64 };
const TOKEN_MS = 4;
const BYTES_A_TOKEN = 2;
const WORDS = Buffer.from('the cheetah 猎豹是最快的');

interface Asked {
  prompt: string;
  maxTokens: number;
  stream: boolean;
}

function refusalOf(request: InferRequest): string | undefined {
  const index = request.inputs.findIndex(({ name }) => name === 'max_tokens');
  const maxTokens = request.inputs[index];
  if (request.model_name.startsWith('enginesmith')) return 'unknown model';
  if (maxTokens === undefined) return 'missing max_tokens';
  if (maxTokens.datatype !== 'INT32') return 'datatype of max_tokens';
  if (maxTokens.shape.join() !== '1,1') return 'shape of max_tokens';
  const { prompt, maxTokens: asked } = parse(request);
  if (asked < 1) return 'max_tokens too small';
  if (asked > peerLimits.maxOutputTokens) return 'max_tokens too large';
  return prompt.length > 2 * peerLimits.maxInputTokens ? 'prompt too long' : undefined;
}

function parse({ inputs, raw_input_contents: contents }: InferRequest): Asked {
  const raw = (name: string) => Buffer.from(contents[inputs.findIndex((input) => input.name === name)] ?? []);
  const [length, flag] = [raw('max_tokens'), raw('stream')];
  return {
    prompt: raw('text_input').toString('utf8', 4),
    maxTokens: length.length >= 4 ? length.readInt32LE() : 1,
    stream: flag[0] === 1,
  };
}

/** The bytes of a prompt's answer: they go on forever, and begin elsewhere for each prompt. */
function answerBytes(prompt: string, tokens: number): Buffer {
  const start = [...prompt].reduce((sum, character) => sum + (character.codePointAt(0) ?? 0), 0);
  return Buffer.from(
    Array.from({ length: tokens * BYTES_A_TOKEN }, (_, index) => WORDS[(start + index) % WORDS.length] ?? 0),
  );
}

/** A server in this process that keeps the smoke contract but for its faults: gRPC, and its metrics over HTTP. */
export async function startSmokePeer(faults: Faults = {}): Promise<SmokePeer> {
  const running = new Map<string, { prompt: string; end: () => void; fail: () => void }>();
  let steps = 0;
  let highest = 0;

  function generate(
    request: InferRequest,
    send: (answer: Answer) => void,
    onCancelled: (listener: () => void) => void,
  ) {
    const model = request.model_name;
    const { prompt, maxTokens, stream } = parse(request);
    if (running.size >= (faults.places ?? Number.POSITIVE_INFINITY)) return;
    const tokens = maxTokens + (maxTokens === 4 ? (faults.surplusTokens ?? 0) : 0);
    const held: Answer[] = [];
    const respond = (answer: Answer) => (tokens <= (faults.burst ?? 0) ? held.push(answer) : send(answer));
    let index = 0;
    const end = () => {
      clearInterval(timer);
      running.delete(request.id);
      for (const answer of held) send(answer);
      send(finalAnswer);
      peer.ended.set('tensorrt_llm', (peer.ended.get('tensorrt_llm') ?? 0) + 1);
    };
    const timer = setInterval(() => {
      steps += 1;
      const others = [...running.values()].filter((other) => other.prompt !== prompt);
      const bytes = answerBytes((faults.mixesUp && others[0]?.prompt) || prompt, tokens);
      index += 1;
      const accumulated = model === 'tensorrt_llm_bls' && !faults.notAccumulating;
      const text = bytes.toString('utf8', accumulated ? 0 : (index - 1) * BYTES_A_TOKEN, index * BYTES_A_TOKEN);
      if (stream) respond(textAnswer(faults.streamed?.(text, { model, index, prompt }) ?? text));
      if (index < tokens) return;
      const whole = bytes.toString('utf8');
      if (!stream) respond(textAnswer(faults.whole?.(whole, model) ?? whole));
      end();
    }, faults.tokenMs ?? TOKEN_MS);
    const fail = () => {
      clearInterval(timer);
      running.delete(request.id);
      send({ error_message: 'killed by another request' });
    };
    running.set(request.id, { prompt, end, fail });
    highest = Math.max(highest, running.size);
    onCancelled(() => {
      const deaf = ['bls', 'cancelled', 'stopped'].includes(faults.goesOn ?? '') || model === 'ensemble';
      if (!deaf) end();
    });
  }

  const peer = await startTestPeer((request, send, _, onCancelled) => {
    const names = request.inputs.map(({ name }) => name);
    if (names.includes('stop')) {
      if (faults.goesOn !== 'stopped' && faults.goesOn !== 'ensemble') running.get(request.id)?.end();
      send(finalAnswer);
      return;
    }
    if (request.model_name === 'tensorrt_llm') {
      send(tokensAnswer(4 + (faults.surplusTokens ?? 0)));
      send(finalAnswer);
      return;
    }
    const refusal = refusalOf(request);
    if (refusal === undefined || faults.accepts?.test(refusal)) generate(request, send, onCancelled);
    else if (!faults.ignores?.test(refusal)) {
      if (faults.fragile) for (const { fail } of [...running.values()]) fail();
      send({ error_message: refusal });
    }
  });

  const metrics = createServer((_, response) => {
    if (faults.shows === 'statistics') {
      response.writeHead(404).end();
      return;
    }
    const active = faults.shows === 'gauges that stay up' ? highest : running.size;
    response.end(
      `nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="active",version="1"} ${active}\n` +
        `nv_trt_llm_general_metrics{general_type="iteration_counter",model="tensorrt_llm",version="1"} ${steps}\n`,
    );
  });
  const port = await listenOnLoopback(metrics);
  return {
    ...peer,
    metricsUrl: `http://127.0.0.1:${port}/metrics`,
    stop() {
      for (const { end } of [...running.values()]) end();
      peer.stop();
      metrics.close();
      metrics.closeAllConnections();
    },
  };
}
