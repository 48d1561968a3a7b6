import { servedModels } from '../../triton/tensors.js';
import { accumulates, hasSplit, holdsSplitCharacter, joinedText, unicodeQuestion, wholeCharacters } from '../answer.js';
import { type Clause, ClauseBroken, quoted } from '../clause.js';

const FOR_CLIENTS = 'clients that stream such text ask an accumulating tensorrt_llm_bls';

/**
 * An accumulating BLS model streams the text so far, so no character is split between two responses. What decodes each token
 * by itself, the ensemble and a BLS that does not accumulate, may split them, as upstream's does: reported, not failed.
 */
export const wholeCharacterStreams: Clause = {
  name: 'whole-characters',
  run: async ({ smoke, maxTokens, askAlone }) => {
    const model = servedModels.bls;
    const question = unicodeQuestion(smoke.unicodePrompt, maxTokens);
    const unstreamed = await askAlone({ ...question, model, stream: false });
    const streamed = await askAlone({ ...question, model, stream: true });
    const plain = joinedText(await askAlone({ ...question, model: servedModels.ensemble, stream: true }));
    const whole = joinedText(unstreamed);
    const broken = (seen: string, advice: string) => new ClauseBroken({ model, seen, advice });

    if (whole === '')
      throw broken('answered smoke.unicodePrompt with no text', 'Its pre- or postprocessing loses text.');
    if (holdsSplitCharacter(whole))
      throw broken(
        `split characters even with stream=false: ${quoted(whole)}`,
        'Its postprocessing decodes tokens one by one, or the model writes bytes that are no text.',
      );
    const cut = streamed.chunks.find(({ text }) => holdsSplitCharacter(text));
    if (accumulates(streamed) && cut)
      throw broken(
        `streamed a split character: ${quoted(cut.text)}`,
        'Its text so far must hold whole characters only.',
      );

    const notices: string[] = [];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: every character of one byte
    if (!/[^\u0000-\u007f]/.test(wholeCharacters(whole)))
      notices.push('the answer holds no character of several bytes: ask for some with smoke.unicodePrompt');
    if (!accumulates(streamed))
      notices.push(
        'tensorrt_llm_bls does not accumulate tokens (serving.accumulateTokens), so only its unstreamed text is whole',
      );
    if (hasSplit(plain) && plain !== whole)
      notices.push(`the ensemble’s stream splits characters, as upstream’s does: ${FOR_CLIENTS}`);
    return {
      seen: `${streamed.chunks.length} chunks of tensorrt_llm_bls, and the text ${quoted(whole)}.`,
      ...(notices.length > 0 && { notice: `${notices.join('; ')}.` }),
    };
  },
};
