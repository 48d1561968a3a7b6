import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const checkout = fileURLToPath(new URL('../../', import.meta.url));

test('docs/gate.md holds exactly the tables that bench/gate-power.ts prints', () => {
  const printed = execFileSync(process.execPath, ['--import', 'tsx', 'bench/gate-power.ts'], {
    cwd: checkout,
    encoding: 'utf8',
  });
  const page = readFileSync(`${checkout}docs/gate.md`, 'utf8');
  const [, between = ''] = page.split('<!-- printed by `npx tsx bench/gate-power.ts` -->\n\n');
  expect(between.split('\n<!-- end -->')[0]).toBe(printed);
});
