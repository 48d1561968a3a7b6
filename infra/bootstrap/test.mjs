import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedEnvironment } from './installed-environment.mjs';
import { checkout } from './places.mjs';
import { exitOnFailure } from './report.mjs';
import { become } from './run.mjs';
import { setUp } from './set-up.mjs';

/** `npm test`: the set-up, then every check there is, the quick ones first. It ends with the first one that fails. */
exitOnFailure(async () => {
  const installation = await setUp({ development: true });
  const environment = installedEnvironment(installation);
  const { environment: toolchain } = JSON.parse(
    readFileSync(join(installation.toolchainRoot, 'toolchain.json'), 'utf8'),
  );
  const python = join(toolchain.PATH[0], 'python3');
  const checks = [
    ['npm', ['run', 'check'], checkout],
    [python, ['-m', 'pytest', '-q'], join(checkout, 'toolchain-cpu')],
    ['npx', ['vitest', 'run', '--project', 'system'], checkout],
  ];
  for (const [command, args, cwd] of checks) {
    await become(command, args, { ...environment, PYTHONPATH: join(checkout, 'toolchain-cpu/src') }, cwd);
    if (process.exitCode !== 0) return;
  }
});
