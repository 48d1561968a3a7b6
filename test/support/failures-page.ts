import { failureTypes } from '../../src/contracts/failures.js';
import type { FailureSignature } from '../../src/toolchains/failure-signatures/signature.js';
import { failureSignatures } from '../../src/toolchains/failure-signatures/signatures.js';

const signatureText = ({
  code,
  type,
  title,
  tools,
  retryable,
  remedy,
  lines,
  signs,
  sources,
}: FailureSignature): string =>
  [
    `#### \`${code}\``,
    '',
    `\`${type}\`: ${tools?.join() === 'triton' ? 'Triton' : 'the tool'} ${title}.`,
    '',
    `- What to do: ${remedy}`,
    `- Tried again: ${retryable ? 'once' : 'no'}.`,
    ...(signs === undefined ? [] : [`- Known by: ${signs}.`]),
    ...(lines.length === 0
      ? []
      : ['- Known by a line of its output:', '', ...lines.map(({ source }) => `      ${source}`), '']),
    `- Seen in: ${sources.join(', ')}.`,
  ].join('\n');

const introduction = `# Failures, and what to do about them

<!-- Made from the rows in src/toolchains/failure-signatures/ by \`npx vitest run --project unit test/toolchains/failure-signatures/page.test.ts -u\`. -->

A failure has one of the types of [src/contracts/failures.ts](../src/contracts/failures.ts): it stands in Temporal's history, in
\`--json\` output and in the metrics, so alert rules and scripts can branch on it. Its message says what happened and what to
do; its details hold facts: the step, the exit code, the row below that knew it (\`signature\`) and the line that said so.

When a tool fails, the last 400 lines of its output, its exit code, its signal and, where they are counted, the events of its
control group are looked up in the rows below, causes before what follows from them. Lines that a logger calls a warning or
less count for nothing. What no row knows is \`ToolFailed\`, is tried once more and then is \`AttemptsExhausted\`; the end of
the output stands in the message either way. For a Triton that does not come up, the dump of C++ becomes one sentence: the model
and the cause.`;

const typesText = (): string =>
  [
    '## Types',
    '',
    '| type | tried again by itself |',
    '| --- | --- |',
    ...Object.entries(failureTypes).map(([type, { retryable }]) => `| \`${type}\` | ${retryable ? 'yes' : 'no'} |`),
    '',
    'A place that knows better may say otherwise: what a tool fails with is tried again once at most.',
  ].join('\n');

/** docs/failures.md. */
export const failuresPage = (): string =>
  `${[introduction, typesText(), '## Rows', ...failureSignatures.map(signatureText)].join('\n\n')}\n`;
