import * as z from 'zod';
import { type BenchmarkSpec, benchmarkSpecSchema } from './benchmark-spec.js';
import { nearMiss } from './near-miss.js';
import { parseWith } from './parse-spec.js';
import { type Spec, specSchema } from './spec.js';
import { specFailure } from './spec-problems.js';
import { type VisionLanguageSpec, visionLanguageSpecSchema } from './vision-language-spec.js';

/** A spec of any kind. */
export type AnySpec = Spec | VisionLanguageSpec | BenchmarkSpec;

/** The schema of each kind of spec, by `kind`. */
export const specSchemas = {
  deployment: specSchema,
  'vision-language': visionLanguageSpecSchema,
  benchmark: benchmarkSpecSchema,
} as const satisfies { [Kind in AnySpec['kind']]: z.ZodType<AnySpec> };

const kinds = Object.keys(specSchemas);
const kindOf = z.object({ kind: z.string().default('deployment') }).catch({ kind: 'deployment' });

/**
 * Parses a spec of the kind that it says it is, a deployment where it says none, and fills every default.
 * @param origin what the messages call the spec
 * @throws EnginesmithFailure `InvalidSpec`, as `parseSpec`
 */
export function parseAnySpec(value: unknown, origin: string): AnySpec {
  const { kind } = kindOf.parse(value);
  const isKind = (name: string): name is AnySpec['kind'] => kinds.includes(name);
  if (isKind(kind)) return parseWith<AnySpec>(specSchemas[kind], value, origin);
  const meant = nearMiss(kind, kinds);
  const problem = `must be one of ${kinds.join(', ')}${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
  throw specFailure('InvalidSpec', `${origin} is not a valid spec:`, [{ field: 'kind', problem }], {
    context: { origin },
  });
}
