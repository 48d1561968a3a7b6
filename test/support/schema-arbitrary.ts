import fc from 'fast-check';
import { z } from 'zod';

/** What z.toJSONSchema writes for a spec. */
interface JsonSchema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | undefined;
  const?: string | undefined;
  enum?: (string | number)[] | undefined;
  pattern?: string | undefined;
  maxLength?: number | undefined;
  minimum?: number | undefined;
  exclusiveMinimum?: number | undefined;
  maximum?: number | undefined;
  exclusiveMaximum?: number | undefined;
  minItems?: number | undefined;
  maxItems?: number | undefined;
  items?: JsonSchema | undefined;
  properties?: Record<string, JsonSchema> | undefined;
  required?: string[] | undefined;
}

export const jsonSchema: z.ZodType<JsonSchema> = z.object({
  type: z.enum(['object', 'array', 'string', 'integer', 'number', 'boolean']).optional(),
  const: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  pattern: z.string().optional(),
  maxLength: z.number().optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  minItems: z.number().optional(),
  maxItems: z.number().optional(),
  get items() {
    return jsonSchema.optional();
  },
  get properties() {
    return z.record(z.string(), jsonSchema).optional();
  },
  required: z.array(z.string()).optional(),
});

const MAXIMUM_ITEMS = 3;

function text({ pattern, maxLength }: JsonSchema): fc.Arbitrary<string> {
  const matching =
    pattern === undefined
      ? fc.stringMatching(/^[A-Za-z][A-Za-z0-9 .?]{0,40}$/)
      : fc.stringMatching(new RegExp(pattern.replaceAll('\\p{Cc}', '\\u0000-\\u001f')));
  // What patterns do not say: no value is longer than its field, climbs out of a directory, or looks like an option.
  return matching.filter(
    (value) => value.length <= (maxLength ?? 4_000) && !value.includes('..') && /^[\x21-\x7e ]+$/.test(value),
  );
}

/** Numbers near their bounds and small ones: large ones alone would fit no other field. */
function number(schema: JsonSchema): fc.Arbitrary<number> {
  const minimum = schema.minimum ?? schema.exclusiveMinimum ?? 0;
  const maximum = schema.maximum ?? schema.exclusiveMaximum ?? 1_000;
  if (schema.type === 'number') {
    return fc.integer({ min: 1, max: 999 }).map((share) => minimum + ((maximum - minimum) * share) / 1_000);
  }
  const small = fc.integer({ min: minimum, max: Math.min(maximum, minimum + 8) });
  return fc.oneof(small, small, fc.integer({ min: minimum, max: Math.min(maximum, 8_192) }), fc.constant(maximum));
}

/** Values that a JSON Schema allows. */
export function valuesOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object': {
      const { properties = {}, required = [] } = schema;
      const keys = Object.fromEntries(Object.entries(properties).map(([key, child]) => [key, valuesOf(child)]));
      return fc.record(keys, { requiredKeys: required });
    }
    case 'array': {
      const { items = {}, minItems = 0, maxItems = MAXIMUM_ITEMS } = schema;
      return fc.array(valuesOf(items), { minLength: minItems, maxLength: Math.min(maxItems, MAXIMUM_ITEMS) });
    }
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number':
      return number(schema);
    default:
      return text(schema);
  }
}

/** A field that can be made illegal, and a value that it cannot have. */
export interface Mutation {
  path: string[];
  value: unknown;
}

/** One illegal value for each field of a schema that is no list and in none. */
export function illegalValues(schema: JsonSchema, path: string[] = []): Mutation[] {
  const own = (value: unknown): Mutation[] => [{ path, value }];
  if (schema.type === 'object') {
    const inside = Object.entries(schema.properties ?? {}).flatMap(([key, child]) =>
      illegalValues(child, [...path, key]),
    );
    return path.length === 0 ? inside : [...own(17), ...inside];
  }
  if (schema.type === 'array') return own({});
  if (schema.enum !== undefined || schema.const !== undefined) return own('no-such-value');
  if (schema.type === 'boolean') return own('yes');
  if (schema.type === 'integer' || schema.type === 'number') {
    const maximum = schema.maximum ?? schema.exclusiveMaximum;
    return [...own('many'), ...own(-1), ...(maximum === undefined ? [] : own(maximum + 1))];
  }
  return [...own(true), ...own(schema.pattern === undefined ? 'x'.repeat((schema.maxLength ?? 0) + 1) : '\u0000')];
}
