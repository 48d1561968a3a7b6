import { servedModels } from '../../triton/tensors.js';
import { joinedText } from '../answer.js';
import { type Clause, ClauseBroken, quoted } from '../clause.js';

/** Enough to tell answers apart. */
const TOKENS = 12;

/** Shorter beginnings are alike by chance. */
const ALIKE_CHARACTERS = 8;

const beginsAlike = (text: string, expected: string): boolean =>
  text !== '' && text.slice(0, ALIKE_CHARACTERS) === expected.slice(0, ALIKE_CHARACTERS);

/** Streams at once, each of another prompt, get what they get alone; that each begins and ends in time, asking holds. */
export const concurrentStreams: Clause = {
  name: 'concurrent-streams',
  run: async ({ smoke, maxTokens, ask, askAlone }) => {
    const model = servedModels.ensemble;
    const count = smoke.concurrentStreams;
    const tokens = Math.min(TOKENS, maxTokens);
    const questions = Array.from({ length: count }, (_, index) => ({
      model,
      prompt: `${index + 1}. ${index % 2 === 0 ? smoke.prompt : smoke.unicodePrompt}`,
      maxTokens: tokens,
      minTokens: tokens,
      stream: true,
    }));
    const alone: string[] = [];
    for (const question of questions) alone.push(joinedText(await askAlone(question)));
    const settled = await Promise.allSettled(questions.map(ask));
    const answers = settled.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
    const rounded: string[] = [];
    for (const [index, answer] of answers.entries()) {
      const text = joinedText(answer);
      const expected = alone[index] ?? '';
      if (text === expected) continue;
      const difference =
        `answered ${quoted(questions[index]?.prompt ?? '')} with ${quoted(text)} among ${count} streams, ` +
        `and with ${quoted(expected)} alone`;
      // A batch rounds otherwise than a request alone, and one token more or less likely changes what follows it.
      if (beginsAlike(text, expected) && !alone.includes(text)) rounded.push(difference);
      else throw new ClauseBroken({ model, seen: difference, advice: 'Streams must not reach into each other.' });
    }
    const mixedUp =
      count > 1 && new Set(alone).size < 2
        ? ['their prompts all have the same answer, so streams that were mixed up would not show.']
        : [];
    const notices = [...mixedUp, ...rounded];
    const latestMs = Math.max(...answers.map(({ chunks }) => chunks[0]?.elapsedMs ?? 0));
    const same = count - rounded.length;
    return {
      seen: `${same} of ${count} streams at once got the text that they get alone; the last one began after ${Math.round(latestMs)} ms.`,
      ...(notices.length > 0 && { notice: notices.join(' ') }),
    };
  },
};
