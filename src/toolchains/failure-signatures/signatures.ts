import { engineSignatures } from './engine.js';
import { hostSignatures } from './host.js';
import { memorySignatures } from './memory.js';
import { modelSignatures } from './model.js';
import { rankSignatures } from './ranks.js';
import type { FailureSignature } from './signature.js';
import { tritonSignatures } from './triton.js';

/**
 * Every failure that is known by what a tool leaves behind. The first row that matches decides, so causes stand before what
 * follows from them: where a rank is killed the others lose their connection, and then their model.
 */
export const failureSignatures: readonly FailureSignature[] = [
  ...memorySignatures,
  ...engineSignatures,
  ...modelSignatures,
  ...hostSignatures,
  ...rankSignatures,
  ...tritonSignatures,
];
