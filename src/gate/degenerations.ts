import type { degenerations, JudgedText } from '../contracts/gate.js';
import { isOtherLanguage } from './degenerations/other-language.js';
import { endsInRepetition } from './degenerations/repetition.js';

export type Degeneration = (typeof degenerations)[number];

export interface Answer {
  text: string;
  reference: string;
  /** Empty where it is not known. */
  question: string;
}

/** Every way in which a text is no answer at all, and how it is recognised. */
export const degenerationDetectors: readonly {
  name: Degeneration;
  /** What a count of such texts says, for people. */
  meaning: string;
  detect: (answer: Answer) => boolean;
}[] = [
  {
    name: 'empty',
    meaning: 'Texts without a letter, a digit or a symbol.',
    detect: ({ text }) => !/[\p{L}\p{N}\p{S}]/u.test(text),
  },
  {
    name: 'repetition',
    meaning: 'Texts whose end, a third of them or more, says the same over and over.',
    detect: ({ text }) => endsInRepetition(text),
  },
  {
    name: 'other-language',
    meaning: 'Texts in another language than both their reference and their question.',
    detect: ({ text, reference, question }) => isOtherLanguage(text, reference, question),
  },
];

/** Which detectors an answer triggers; none for a normal one. */
export function findDegenerations(answer: Answer): JudgedText['degenerations'] {
  return degenerationDetectors.flatMap(({ name, detect }) => (detect(answer) ? [name] : []));
}
