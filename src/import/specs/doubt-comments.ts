import type { Engine } from '../course.js';
import type { Doubt } from '../doubts.js';
import type { SpecComment } from './draft.js';

/** What the file says of fields that the script does not settle: none of them may look as if it did. */
export const doubtComments = (engine: Engine, others: readonly Doubt[]): SpecComment[] => [
  ...[...engine.checkpoint.doubts, ...engine.doubts, ...others].map(({ path, comment }) => ({ path, text: comment })),
  ...[engine.checkpoint.tool, engine.tool].flatMap(({ unread }) =>
    unread.slice(0, 4).map(({ source, line }) => ({
      path: [],
      text: `Line ${line} also passes ${source.slice(0, 60)}, which is not known: what it asks is not in this spec.`,
    })),
  ),
];
