import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ArticleAgreement } from '../../contracts/gate.js';
import type { ComparedArticle } from './rule.js';

/**
 * The agreements that a limit of this name is held against, one for each article whose baseline wrote anything.
 *
 * @throws EvaluationInvalid when a limit is set and nothing, or nearly nothing, was compared token by token
 */
export function agreementsFor(limit: string, articles: readonly ComparedArticle[]): ArticleAgreement[] {
  const agreements = articles.flatMap(({ agreement }) => agreement ?? []);
  if (agreements.length >= 2) return agreements;
  throw new EnginesmithFailure(
    'EvaluationInvalid',
    `\`gate.limits.${limit}\` is set, but only ${agreements.length} of ${articles.length} articles were compared token by ` +
      'token. Use a toolchain that compares engines, and a baseline that can be run (not `evaluations`); look whether the ' +
      'baseline’s texts are empty; or remove the limit.',
    { context: { limit, compared: agreements.length, articles: articles.length } },
  );
}
