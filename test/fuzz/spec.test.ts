import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { oneScreen } from '../../src/cli/one-screen.js';
import { readSpec } from '../../src/cli/read-spec.js';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import { maskSecrets } from '../../src/contracts/misplaced-values.js';
import { parseSpec } from '../../src/contracts/parse-spec.js';
import type { Spec } from '../../src/contracts/spec.js';
import { checkSpec } from '../../src/toolchains/check-spec.js';
import { renderArgv } from '../../src/toolchains/command.js';
import { planSteps } from '../../src/toolchains/step-plans.js';
import { specFile } from '../cli/cli-fixture.js';
import { testAdmission, testSpec } from '../support/specs.js';

const seed = 20_240_611;

/** Holds what is promised of every refusal. @returns whether it was one */
function isRefusal(failure: unknown): failure is EnginesmithFailure {
  expect(failure).toBeInstanceOf(EnginesmithFailure);
  if (!(failure instanceof EnginesmithFailure)) return false;
  expect(failure).toMatchObject({ type: 'InvalidSpec', retryable: false });
  const screen = oneScreen(`error: ${failure.message}`, '--json has all').split('\n');
  expect(screen.length).toBeLessThanOrEqual(24);
  for (const line of screen) expect([...line].length).toBeLessThanOrEqual(80);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  expect(failure.message).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(maskSecrets(failure.message)).toBe(failure.message);
  return true;
}

/** The spec that this value is, checked; undefined where it is refused as it must be. */
function accept(value: unknown): Spec | undefined {
  try {
    const spec = parseSpec(value, 'spec.yaml');
    checkSpec(spec);
    return spec;
  } catch (failure) {
    isRefusal(failure);
    return undefined;
  }
}

const secret = fc
  .tuple(fc.constantFrom('hf_', 'ghp_', 'glpat-', 'AKIA'), fc.stringMatching(/^[A-Z0-9]{24}$/))
  .map(([prefix, rest]) => (prefix === 'AKIA' ? `AKIA${rest.slice(0, 16)}` : `${prefix}${rest}`));

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  secret,
  fc.constantFrom('--help', '../..', 'a/../b', 'https://u:p4ss@h/x', '\u0000', '\u202egnp', '{output}', '-', '', ' '),
  fc.constantFrom('x'.repeat(5_000), '__proto__', 'constructor', 'toString', 'prompt', 'format', 'token', 'endpoint'),
);

const anything = fc.oneof(
  nasty,
  fc.anything({ maxDepth: 3, withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
  fc.constantFrom(null, undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1.5, 2 ** 53, true, [], {}),
);

/** Every field of a spec that is filled, with a value in each. */
function fieldsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return [
    ...(path.length === 0 ? [] : [path]),
    ...Object.entries(value).flatMap(([key, child]) => fieldsOf(child, [...path, key])),
  ];
}

const fields = fieldsOf(
  testSpec((input) => {
    input.gate.limits = { perplexityIncrease: 0.1, klDivergence: 0.2, top1Agreement: 0.9 };
    input.gate.baseline = { revision: 'main', parallelism: { tensor: 1 } };
    input.serving = { host: 'host-a' };
  }),
);

function replaceAt(value: object, [key = '', ...rest]: readonly string[], replacement: unknown): object {
  const child: unknown = Object.entries(value).find(([name]) => name === key)?.[1];
  const isInside = rest.length > 0 && typeof child === 'object' && child !== null;
  return { ...value, [key]: rest.length === 0 ? replacement : replaceAt(isInside ? child : {}, rest, replacement) };
}

const legalValues = fc.oneof(
  fc.integer({ min: 0, max: 5_000 }),
  fc.constantFrom('none', 'int4_awq', 'int4_wo', 'fp8', 'bfloat16', 'rouge1', 'prompts', 'huggingface', 'evaluations'),
  fc.constantFrom(0.5, 0.01, true, false, 'main', 'v1.0', 'a-name', 'owner/name', { share: 0.2 }, { points: 1 }),
);

describe('any value', () => {
  test('is a spec or is refused, on one screen and without secrets', () => {
    fc.assert(
      fc.property(anything, (value) => void accept(value)),
      { seed, numRuns: 250 },
    );
  });

  test('of objects with the keys of a spec is a spec or is refused alike', () => {
    const key = fc.oneof(fc.constantFrom(...Object.keys(testSpec())), nasty);
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.oneof(anything, fc.dictionary(key, anything, { maxKeys: 4 })), { maxKeys: 12 }),
        (value) => void accept(value),
      ),
      { seed, numRuns: 150 },
    );
  });
});

describe('a valid spec with one field changed', () => {
  test('to what a terminal, a shell or a path would obey is still valid, or is refused without it', () => {
    const hostile = [
      '\u001b[2J',
      '\u0000',
      '\u202egnp',
      '--help',
      '../..',
      '{output}',
      '$(id)',
      'x'.repeat(5_000),
      {},
      [],
      null,
    ];
    for (const field of fields) for (const value of hostile) accept(replaceAt(testSpec(), field, value));
  });

  test('is still valid, or is refused by the name of a field that has to do with it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.oneof(anything, legalValues), (field, value) => {
        const changed = replaceAt(testSpec(), field, value);
        try {
          checkSpec(parseSpec(changed, 'spec.yaml'));
        } catch (failure) {
          if (!isRefusal(failure)) return;
          const [part = ''] = field;
          expect(failure.message).toMatch(new RegExp(`(^|\\s)${part}[.:]`, 'm'));
        }
      }),
      { seed, numRuns: 700 },
    );
  });

  test('that has a secret anywhere is refused, and never quotes it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...fields), secret, (field, token) => {
        const changed = replaceAt(testSpec(), field, `x ${token}`);
        expect(() => parseSpec(changed, 'spec.yaml')).toThrow(/secret/);
        try {
          parseSpec(changed, 'spec.yaml');
        } catch (failure) {
          expect(`${failure}`).not.toContain(token.slice(0, 12));
        }
      }),
      { seed, numRuns: 200 },
    );
  });
});

/** What a tool could take for a flag that nobody meant: everything with two dashes that is not the name of one of ours. */
const strayFlags = (admitted: AdmittedSpec): string[] =>
  planSteps(admitted).flatMap(({ command }) => {
    if (command === null) return [];
    const names = new Set(command.flags.map(({ name }) => name));
    return renderArgv(command)
      .slice(command.program.length)
      .filter((argument) => argument.startsWith('--') && !names.has(argument));
  });

test('every accepted spec can be planned, and no value in its command lines reads like a flag', () => {
  let planned = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...fields), fc.oneof({ weight: 4, arbitrary: legalValues }, nasty)), {
        maxLength: 2,
      }),
      (changes) => {
        const value = changes.reduce<object>((changed, [field, next]) => replaceAt(changed, field, next), testSpec());
        const spec = accept(value);
        if (spec === undefined) return;
        planned += 1;
        expect(strayFlags(testAdmission(spec))).toEqual([]);
      },
    ),
    { seed, numRuns: 400 },
  );
  expect(planned).toBeGreaterThan(100);
});

describe('a file', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .array(
        fc.constantFrom(
          '- ',
          '? ',
          ': ',
          '[',
          ']',
          '{',
          '}',
          '&a ',
          '*a',
          '!!x ',
          '|\n',
          '>\n',
          '"',
          "'",
          '#',
          '\n',
          '  ',
          '<<',
          'name',
          '1',
          '%',
          '@',
          '`',
          '---\n',
          '\t',
        ),
        { maxLength: 60 },
      )
      .map((parts) => parts.join('')),
    fc.json(),
    secret.map((token) => `model:\n  repository: [${token}\n`),
  );

  test('of any bytes is a spec or is refused, and soon', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }).map(Buffer.from), text), async (content) => {
        const file = await specFile(content);
        const failure: unknown = await readSpec(file).catch((error: unknown) => error);
        if (failure instanceof Error) isRefusal(failure);
      }),
      { seed, numRuns: 150 },
    );
  });

  test.each<[string, string]>([
    ['commas', `[${','.repeat(60_000)}`],
    ['quotes', '"'.repeat(60_000)],
    ['keys', Array.from({ length: 7_000 }, (_, index) => `k${index}: 1\n`).join('')],
    ['brackets', '['.repeat(60_000)],
    ['dashes', '- '.repeat(30_000)],
    ['anchors', Array.from({ length: 5_000 }, (_, index) => `- &a${index} x\n`).join('')],
    ['merges', `a: &a {b: 1}\n${Array.from({ length: 3_000 }, (_, index) => `k${index}: {<<: *a}\n`).join('')}`],
  ])('full of %s is refused in seconds', async (_, content) => {
    const startedAt = performance.now();
    isRefusal(await readSpec(await specFile(content)).catch((error: unknown) => error));
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});
