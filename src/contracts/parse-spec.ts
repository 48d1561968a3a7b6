import * as z from 'zod';
import { findMisplaced } from './misplaced-values.js';
import { nearMiss } from './near-miss.js';
import { type Spec, specSchema } from './spec.js';
import { type SpecProblem, specFailure } from './spec-problems.js';

interface SchemaNode {
  properties?: Record<string, SchemaNode> | undefined;
  items?: SchemaNode | undefined;
}

const schemaNode: z.ZodType<SchemaNode> = z.object({
  get properties() {
    return z.record(z.string(), schemaNode).optional();
  },
  get items() {
    return schemaNode.optional();
  },
});

const known = new Map<z.ZodType, SchemaNode>();

/** Every key that a spec may have, in its place. */
function knownKeys(schema: z.ZodType): SchemaNode {
  const keys = known.get(schema) ?? schemaNode.parse(z.toJSONSchema(schema, { io: 'input' }));
  known.set(schema, keys);
  return keys;
}

/** Full names of the fields called `key`, wherever they are. */
function placesOf(key: string, { properties = {} }: SchemaNode, parent = ''): string[] {
  return Object.entries(properties).flatMap(([name, node]) => [
    ...(name === key ? [`${parent}${name}`] : []),
    ...placesOf(key, node, `${parent}${name}.`),
  ]);
}

function explainUnknownKey(schema: z.ZodType, path: readonly PropertyKey[], key: string): string {
  let node: SchemaNode | undefined = knownKeys(schema);
  for (const part of path) node = typeof part === 'number' ? node?.items : node?.properties?.[String(part)];
  const meant = nearMiss(key, Object.keys(node?.properties ?? {}));
  if (meant !== undefined) return `unknown key; did you mean "${meant}"?`;
  const places = placesOf(key, knownKeys(schema)).slice(0, 3);
  return places.length === 0 ? 'unknown key' : `unknown key here; there is ${places.join(', ')}`;
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (parent, key) =>
      typeof parent === 'object' && parent !== null ? Object.getOwnPropertyDescriptor(parent, key)?.value : undefined,
    value,
  );

function explain(issue: z.core.$ZodIssue, spec: unknown): string {
  // Zod has no code of its own for a field that is not there.
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) return 'is required';
  const found = valueAt(spec, issue.path);
  if (issue.code === 'invalid_type' && issue.expected === 'int' && typeof found === 'number') {
    return `must be a whole number, not ${found}`;
  }
  if (issue.code !== 'invalid_value' || typeof found !== 'string') return issue.message;
  const meant = nearMiss(
    found,
    issue.values.flatMap((value) => (typeof value === 'string' ? [value] : [])),
  );
  return meant === undefined ? issue.message : `${issue.message}; did you mean "${meant}"?`;
}

const fieldName = (path: readonly PropertyKey[]): string => path.map(String).join('.');

/** Explains an issue only when it is asked for: a hostile spec has thousands, of which a screen shows a few. */
function* problemsOf(
  schema: z.ZodType,
  error: z.ZodError,
  spec: unknown,
  misplaced: Map<string, string>,
): Generator<SpecProblem> {
  for (const [field, problem] of misplaced) yield { field, problem };
  for (const issue of error.issues) {
    if (issue.code !== 'unrecognized_keys') {
      const field = fieldName(issue.path);
      if (!misplaced.has(field)) yield { field: field || 'spec', problem: explain(issue, spec) };
      continue;
    }
    for (const key of issue.keys) {
      const field = fieldName([...issue.path, key]);
      if (misplaced.has(field)) continue;
      yield {
        field,
        get problem() {
          return explainUnknownKey(schema, issue.path, key);
        },
      };
    }
  }
}

/**
 * Parses a value by the schema of its kind of spec, and fills every default.
 * @param value the spec as parsed JSON or YAML
 * @param origin what the messages call the spec: a file name, or where it came from
 * @throws EnginesmithFailure `InvalidSpec`, listing each field that is wrong and what was expected there
 */
export function parseWith<Parsed>(schema: z.ZodType<Parsed>, value: unknown, origin: string): Parsed {
  const misplaced = findMisplaced(value);
  const parsed = schema.safeParse(value);
  if (parsed.success && misplaced.size === 0) return parsed.data;
  const problems = problemsOf(schema, parsed.error ?? new z.ZodError([]), value, misplaced);
  throw specFailure('InvalidSpec', `${origin} is not a valid spec:`, problems, {
    closing: 'Correct these fields; examples/ has specs that work.',
    context: { origin },
  });
}

/** Parses the spec of a deployment: the kind that pipelines run. @throws EnginesmithFailure as `parseWith` */
export const parseSpec = (value: unknown, origin: string): Spec => parseWith(specSchema, value, origin);
