import { expect, test } from 'vitest';
import { allRules } from '../../../src/toolchains/lint/rules.js';
import { lintPage } from '../../support/lint-page.js';

test('docs/lint.md lists the rules as they are', async () => {
  await expect(
    lintPage(),
    'docs/lint.md is stale: `npx vitest run --project unit test/toolchains/lint/page.test.ts -u` writes it anew',
  ).toMatchFileSnapshot('../../../docs/lint.md');
});

test('every code is its own, and can be searched for', () => {
  const codes = allRules.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  for (const code of codes) expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$/);
});

test('every rule says why, what to do and where that is from, as sentences go on', () => {
  for (const { title, why, fix, source } of allRules) {
    expect(why).toMatch(/\.$/);
    for (const text of [title, fix, source]) expect(text).not.toMatch(/\.$|^\s|\s$|^$/);
  }
});
