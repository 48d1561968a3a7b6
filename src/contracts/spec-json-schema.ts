import * as z from 'zod';
import { specSchemas } from './any-spec.js';

const whenever = (condition: unknown, kind: string): Record<string, unknown> =>
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  ({ if: condition, then: { $ref: `#/$defs/${kind}` } });

/**
 * The JSON Schema (draft 2020-12) of a spec, for editors and other programs: of a deployment where `kind` says nothing else.
 * It cannot say how fields must fit each other: `enginesmith validate` does.
 */
export function specJsonSchema(): Record<string, unknown> {
  const definitions = Object.fromEntries(
    Object.entries(specSchemas).map(([kind, schema]) => {
      const { $schema: _, ...definition } = z.toJSONSchema(schema, { io: 'input' });
      return [kind, definition];
    }),
  );
  const others = Object.keys(specSchemas).filter((kind) => kind !== 'deployment');
  const isKind = (kind: string) => ({ properties: { kind: { const: kind } }, required: ['kind'] });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Enginesmith spec',
    type: 'object',
    allOf: [
      ...others.map((kind) => whenever(isKind(kind), kind)),
      whenever({ not: { anyOf: others.map(isKind) } }, 'deployment'),
    ],
    $defs: definitions,
  };
}
