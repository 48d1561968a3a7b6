import { expect, test } from 'vitest';
import { failuresPage } from '../../support/failures-page.js';

test('docs/failures.md lists the failures as they are known', async () => {
  await expect(
    failuresPage(),
    'docs/failures.md is stale: `npx vitest run --project unit test/toolchains/failure-signatures/page.test.ts -u` writes it anew',
  ).toMatchFileSnapshot('../../../docs/failures.md');
});
