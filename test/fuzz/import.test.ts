import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { benchmarkSpecSchema } from '../../src/contracts/benchmark-spec.js';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import { specSchema } from '../../src/contracts/spec.js';
import { visionLanguageSpecSchema } from '../../src/contracts/vision-language-spec.js';
import { type Import, importScript } from '../../src/import/import-script.js';

const read = (name: string): string => readFileSync(new URL(`../fixtures/import/${name}`, import.meta.url), 'utf8');
const pages = { markdown: read('notes.md'), script: read('clean.sh') };

const fragment = fc.oneof(
  fc.constantFrom(
    '$(',
    '`',
    '"',
    "'",
    '${',
    '}',
    '\n',
    '\\\n',
    '<<E\n',
    '|',
    '&&',
    '--',
    '=',
    '{',
    '[[',
    ';;',
    '```\n',
  ),
  fc.constantFrom('constructor ', '__proto__=1 ', '\0', '-1', '9'.repeat(30), '$', '$1', '*', 'if ', 'done ', '\u2028'),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

/** What happens to a page, at a place of it: something comes in, and something goes. */
const edit = fc.record({ at: fc.nat(), gone: fc.nat({ max: 60 }), fragment });

const schemas = [specSchema, visionLanguageSpecSchema, benchmarkSpecSchema];

test('a damaged page comes to specs that pass their schema and to findings in its lines, or to one of our failures', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('markdown', 'script'),
      fc.array(edit, { minLength: 1, maxLength: 25 }),
      (kind, edits) => {
        const text = edits.reduce((page, { at, gone, fragment: put }) => {
          const place = at % page.length;
          return page.slice(0, place) + put + page.slice(place + gone);
        }, pages[kind]);
        let result: Import;
        try {
          result = importScript(text, { kind, origin: 'page' });
        } catch (failure) {
          expect(failure).toBeInstanceOf(EnginesmithFailure);
          return;
        }
        const lines = text.split(/\r\n?|\n/).length;
        for (const { line } of result.findings) expect(line >= 1 && line <= lines).toBe(true);
        for (const { yaml } of result.specs) {
          const value: unknown = parse(yaml);
          expect(schemas.some((schema) => schema.safeParse(value).success)).toBe(true);
        }
      },
    ),
    { seed: 20_240_611, numRuns: 500 },
  );
});
