import { servedModels } from '../../triton/tensors.js';
import { accumulates, joinedText, sameUpToSplits, streamedText, unicodeQuestion } from '../answer.js';
import { type Clause, ClauseBroken, type ClauseContext, quoted } from '../clause.js';

/** With stream=false a model answers once, with what it would have streamed. */
export const sameTextUnstreamed: Clause = {
  name: 'same-text-unstreamed',
  run: async (context) => {
    const { smoke, maxTokens } = context;
    const usual = { prompt: smoke.prompt, maxTokens };
    const unicode = unicodeQuestion(smoke.unicodePrompt, maxTokens);
    await compare(context, { ...usual, model: servedModels.bls });
    await compare(context, { ...unicode, model: servedModels.bls });
    const exact = [
      await compare(context, { ...usual, model: servedModels.ensemble }),
      await compare(context, { ...unicode, model: servedModels.ensemble }),
    ];
    return {
      seen: 'tensorrt_llm_bls and the ensemble answer with stream=false what they stream.',
      ...(exact.includes(false) && {
        notice: 'the ensemble’s stream differs by split characters or lost spaces, as upstream’s does.',
      }),
    };
  },
};

type Unstreamed = Parameters<ClauseContext['askAlone']>[0];

/** @returns whether the texts are the same to the letter */
async function compare({ askAlone }: ClauseContext, question: Omit<Unstreamed, 'stream'>): Promise<boolean> {
  const { model } = question;
  const unstreamed = await askAlone({ ...question, stream: false });
  const answer = await askAlone({ ...question, stream: true });
  const streamed = streamedText(answer);
  const whole = joinedText(unstreamed);
  if (unstreamed.chunks.length !== 1) {
    const seen = `answered stream=false with ${unstreamed.chunks.length} responses that carry text, not one`;
    throw new ClauseBroken({ model, seen, advice: 'Clients that do not stream read the first only.' });
  }
  if (streamed === whole) return true;
  // the text so far of an accumulating BLS is decoded whole, so nothing excuses a difference
  if (!accumulates(answer) && sameUpToSplits(streamed, whole)) return false;
  throw new ClauseBroken({
    model,
    seen: `streams ${quoted(streamed)} but answers ${quoted(whole)} with stream=false`,
    advice: 'One of the two is not what the engine generated: compare with its evaluation.',
  });
}
