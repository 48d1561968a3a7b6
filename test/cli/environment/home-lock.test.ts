import { once } from 'node:events';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it, onTestFinished } from 'vitest';
import { lockHome } from '../../../src/cli/environment/home-lock.js';
import { temporaryDirectory } from '../cli-fixture.js';

it('one process at a time has the lock of a home, and a killed one has it no longer', async () => {
  const home = join(await temporaryDirectory(), 'home');
  const program = `import { lockHome } from './src/cli/environment/home-lock.ts'; console.log(await lockHome(process.argv[1])); setInterval(() => {}, 1000);`;
  const holder = execa('node', ['--import', 'tsx', '--input-type=module', '-e', program, home], { reject: false });
  onTestFinished(() => void holder.kill('SIGKILL'));
  const [answer] = await once(holder.stdout, 'data');
  expect(`${answer}`).toBe('true\n');
  expect(await lockHome(home)).toBe(false);
  holder.kill('SIGKILL');
  await holder;
  expect(await lockHome(home)).toBe(true);
});
