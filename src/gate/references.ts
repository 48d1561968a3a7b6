import { EnginesmithFailure } from '../contracts/failures.js';

/**
 * Requires references that ROUGE can compare: like Python's rouge-score it sees ASCII letters and digits only, so that texts
 * in other scripts score 0 whatever they say, and any candidate would be as good as its baseline.
 *
 * @throws EvaluationInvalid where most letters of the references are others
 */
export function requireComparable(references: readonly string[]): void {
  const count = (pattern: RegExp): number =>
    references.reduce((total, reference) => total + (reference.match(pattern)?.length ?? 0), 0);
  const letters = count(/\p{L}/gu);
  const compared = count(/[a-z]/gi);
  if (letters === 0 || compared >= letters / 2) return;
  throw new EnginesmithFailure(
    'EvaluationInvalid',
    `Of the letters of the references, ${Math.round((100 * compared) / letters)} % are ASCII: ROUGE compares no others, so that ` +
      'every text in this script scores 0 and the margin judges nothing. Take a dataset in a language of Latin letters for ' +
      'the gate.',
    { context: { letters, asciiLetters: compared } },
  );
}
