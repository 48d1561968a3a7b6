import { expect, test } from 'vitest';
import { advicePage } from '../../support/advice-page.js';

test('docs/advise.md lists the rules of choice as they are', async () => {
  await expect(
    advicePage(),
    'docs/advise.md is stale: `npx vitest run --project unit test/toolchains/advise/page.test.ts -u` writes it anew',
  ).toMatchFileSnapshot('../../../docs/advise.md');
});
