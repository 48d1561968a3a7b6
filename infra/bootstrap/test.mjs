import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedEnvironment } from './installed-environment.mjs';
import { checkout } from './places.mjs';
import { findPython } from './prerequisites.mjs';
import { exitOnFailure } from './report.mjs';
import { become } from './run.mjs';
import { setUp } from './set-up.mjs';
import { installTestS3Server } from './test-s3-server.mjs';

/** `npm test`: the set-up, then every check there is, the quick ones first. It ends with the first one that fails. */
exitOnFailure(async () => {
  const installation = await setUp({ development: true });
  await installTestS3Server(findPython());
  const env = installedEnvironment(installation);
  const { environment: toolchain } = JSON.parse(
    readFileSync(join(installation.toolchainRoot, 'toolchain.json'), 'utf8'),
  );
  const python = join(toolchain.PATH[0], 'python3');
  const toolchainSource = join(checkout, 'toolchain-cpu');
  const checks = [
    ['npm', ['run', 'check'], { cwd: checkout, env }],
    [python, ['-m', 'pytest'], { cwd: toolchainSource, env: { ...env, PYTHONPATH: join(toolchainSource, 'src') } }],
    ['npx', ['vitest', 'run', '--project', 'slow'], { cwd: checkout, env }],
    ['npx', ['vitest', 'run', '--project', 'system'], { cwd: checkout, env }],
  ];
  for (const [command, args, options] of checks) {
    await become(command, args, options);
    if (process.exitCode !== 0) return;
  }
});
