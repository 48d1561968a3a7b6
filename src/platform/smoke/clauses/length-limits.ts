import { generateRequest, servedModels, tokensRequest } from '../../triton/tensors.js';
import { type Clause, ClauseBroken, type ClauseContext } from '../clause.js';
import { refusalOf } from '../refusal.js';

/** Asked for where the count is checked. */
const FEW_TOKENS = 4;

/** Token ids that every vocabulary has. */
const ANY_PROMPT_IDS = [1, 2, 3];

/** Letters, digits and signs in turn share no token in any vocabulary that we know: at least a token a character. */
const SHORT_WORDS = 'a1,';

/** Twice the tokens that the engine takes, so that it is too long also where two characters made one. */
const longPrompt = (maxPromptTokens: number): string =>
  SHORT_WORDS.repeat(Math.ceil((2 * (maxPromptTokens + 1)) / SHORT_WORDS.length));

/** Text hides how many tokens it was, so tensorrt_llm itself is asked for ids. */
async function countTokens({ client, smoke, signal, newRequestId }: ClauseContext, asked: number): Promise<number> {
  const request = tokensRequest(ANY_PROMPT_IDS, asked, newRequestId());
  let count = 0;
  for await (const { tokens } of client.streamInfer(request, { deadlineMs: smoke.finishWithinSeconds * 1000, signal }))
    count += tokens;
  return count;
}

/** As many tokens as were asked for, and none beyond what the engine was built for. */
export const lengthLimits: Clause = {
  name: 'length-limits',
  run: async (context) => {
    const { client, smoke, limits, newRequestId, ask, signal } = context;
    const few = Math.min(FEW_TOKENS, limits.maxOutputTokens);
    const { chunks } = await ask({ model: servedModels.ensemble, prompt: smoke.prompt, maxTokens: few, stream: true });
    const advice = 'max_tokens is what clients pay and wait for.';
    if (chunks.length > few) {
      const seen = `answered max_tokens ${few} with ${chunks.length} responses that carry text`;
      throw new ClauseBroken({ model: servedModels.ensemble, seen, advice });
    }
    const count = await countTokens(context, few);
    if (count < 1 || count > few) {
      const seen = `generated ${count} tokens where ${few} were asked for`;
      throw new ClauseBroken({ model: servedModels.generation, seen, advice });
    }

    const tooLong = generateRequest({
      model: servedModels.bls,
      stream: true,
      text: longPrompt(limits.maxPromptTokens),
      maxTokens: 1,
      requestId: newRequestId(),
    });
    const refusedPrompt = await refusalOf(context, tooLong, 'a prompt beyond what the engine takes');
    if (refusedPrompt === undefined) {
      const seen = `answered a prompt that is longer than the ${limits.maxPromptTokens} tokens that the engine takes`;
      throw new ClauseBroken({ model: servedModels.bls, seen, advice: 'It was cut or misread without a word.' });
    }
    // Beyond what any prompt leaves: where a prompt is short, upstream lends its room to the output.
    const maxTokens = limits.maxInputTokens + limits.maxOutputTokens + 1;
    const requestId = newRequestId();
    const ofEnsemble = { model: servedModels.ensemble, stream: true, text: smoke.prompt, requestId };
    const refusedLength = await refusalOf(
      context,
      generateRequest({ ...ofEnsemble, maxTokens }),
      `max_tokens ${maxTokens}`,
    );
    // What is answered would go on for all that the engine holds: of the ensemble it can be stopped.
    if (refusedLength === undefined)
      await client.stop(requestId, { deadlineMs: smoke.firstTokenWithinSeconds * 1000, signal });
    return {
      seen:
        `${count} tokens for max_tokens ${few}; a prompt beyond ${limits.maxPromptTokens} tokens was refused` +
        (refusedLength === undefined ? '.' : `, and so was max_tokens ${maxTokens}.`),
      ...(refusedLength === undefined && {
        notice: `max_tokens ${maxTokens} was not refused but is cut to what the engine holds, as TensorRT-LLM’s C++ backend does.`,
      }),
    };
  },
};
