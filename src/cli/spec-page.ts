import * as z from 'zod';
import { specSchemas } from '../contracts/any-spec.js';

interface Field {
  description?: string | undefined;
  default?: unknown;
  const?: string | undefined;
  enum?: (string | number)[] | undefined;
  type?: string | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  items?: Field | undefined;
  properties?: Record<string, Field> | undefined;
  required?: string[] | undefined;
}

const field: z.ZodType<Field> = z.object({
  description: z.string().optional(),
  default: z.unknown().optional(),
  const: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  type: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  get items() {
    return field.optional();
  },
  get properties() {
    return z.record(z.string(), field).optional();
  },
  required: z.array(z.string()).optional(),
});

/** Larger bounds only keep nonsense out. */
const MAXIMUM_SHOWN_BOUND = 4_096;

function allowed({ enum: values, const: only, type, minimum, maximum }: Field): string {
  if (only !== undefined) return `\`${only}\``;
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(', ');
  if (type !== 'integer' || maximum === undefined || maximum > MAXIMUM_SHOWN_BOUND) return '';
  return `${minimum ?? 0} to ${maximum}`;
}

/** A field and what is in it, as rows of a table. */
function* rowsOf(name: string, node: Field, isRequired: boolean): Generator<string> {
  const inside = node.properties ?? node.items?.properties;
  const [text = '', stated] = (node.description ?? '').split(' @default ');
  if (inside === undefined) {
    const given = node.default === undefined ? (stated ?? '') : `\`${String(node.default)}\``;
    const cells = [`\`${name}\``, isRequired ? 'required' : given, [text, allowed(node)].filter(Boolean).join('; ')];
    yield `| ${cells.join(' | ')} |`;
    return;
  }
  const required = (node.properties === undefined ? node.items?.required : node.required) ?? [];
  if (text !== '' && name.includes('.')) yield `| \`${name}\` | ${stated ?? ''} | ${text} |`;
  const path = node.properties === undefined ? `${name}[]` : name;
  for (const [key, child] of Object.entries(inside)) {
    yield* rowsOf(`${path}.${key}`, child, required.includes(key) && (isRequired || !name.includes('.')));
  }
}

const table = (rows: Iterable<string>): string[] => ['| field | default | |', '| --- | --- | --- |', ...rows, ''];

/** Fields of a spec of one kind: what stands alone, then each block. */
function* sections(schema: z.ZodType): Generator<string> {
  const { properties = {}, required = [] } = field.parse(z.toJSONSchema(schema, { io: 'input' }));
  const entries = Object.entries(properties);
  const isBlock = ([name, node]: [string, Field]): boolean => node.properties !== undefined && name !== 'model';
  const rows = (name: string, node: Field): string[] => [...rowsOf(name, node, required.includes(name))];
  yield* table(entries.filter((entry) => !isBlock(entry)).flatMap(([name, node]) => rows(name, node)));
  for (const [name, node] of entries.filter(isBlock)) {
    yield `**\`${name}\`**${node.description === undefined ? '' : `: ${node.description}`}`;
    yield '';
    yield* table(rows(name, node));
  }
}

const introduction = `# The spec

One YAML or JSON file says what to make and when it may serve. Unknown keys are refused, and every default is filled
when it is read, so two specs that mean the same have the same digest. A pipeline's workflow id is \`<name>-<digest>\`:
the same spec attaches to its running pipeline, an edited one is another pipeline.

This page and [its JSON Schema](spec.schema.json) are made from the schemas in \`src/contracts/\`, by
\`npx enginesmith schema --page\` and \`npx enginesmith schema\`. Editors with YAML support check a spec as you write it when
its first line is

\`\`\`yaml
# yaml-language-server: $schema=PATH/TO/docs/spec.schema.json
\`\`\`

How the fields must fit each other, the toolchain and the model is what \`npx enginesmith validate\` checks.

The least that a spec must say (not run as it stands; [examples/](../examples) has some that do):

\`\`\`yaml
apiVersion: enginesmith/v1
name: my-model-int4
model: { repository: owner/name }
quantization: { format: int4_wo }
gate:
  dataset: { repository: ccdv/cnn_dailymail }
  margin: { share: 0.05 }
\`\`\`
`;

const kinds: Record<keyof typeof specSchemas, string> = {
  deployment: `## \`kind: deployment\`

Quantizes, builds, gates and serves: the kind that a spec has where it says nothing.
`,
  'vision-language': `## \`kind: vision-language\`

A model of Qwen-VL's kind: its vision transformer as a TensorRT engine, its language model as an engine with room for
pictures, and one question about some. \`plan\` shows it whole; this version does not run it.
`,
  benchmark: `## \`kind: benchmark\`

gptManagerBenchmark over made-up requests, on GPUs whose clocks are locked meanwhile. \`plan\` shows it whole; this version
does not run it.
`,
};

const closing = `## What a spec cannot say

Secrets, endpoints and ports: tokens and the Hub's address belong to the workers
([configuration](configuration.md)), and ports to each attempt. A text that starts with \`--\` is refused, because a tool
would read it as a flag.

## What makes a step run again

Its action key: the step and the version of its output contract, the toolchain's identity, the flags that change the
output, the content digests of its inputs, and for engines the GPU class. \`npx enginesmith plan --resolve SPEC\` shows
which steps would run. \`build.workers\`, \`serving\`, \`smoke\` and \`name\` are in no key of what lies upstream of them, and a
higher budget repeats no article that was answered.
`;

/** docs/spec.md. */
export function specPage(): string {
  const isKind = (name: string): name is keyof typeof specSchemas => name in specSchemas;
  const pages = Object.keys(specSchemas)
    .filter(isKind)
    .map((kind) => [kinds[kind], ...sections(specSchemas[kind])].join('\n'));
  return [introduction, ...pages, closing].join('\n');
}
