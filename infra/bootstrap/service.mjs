import { join } from 'node:path';
import { checkout, fingerprint, isDone, writeAtomically } from './places.mjs';
import { reported } from './report.mjs';
import { run } from './run.mjs';

/** npm packages exactly as the lock file has them. */
export async function installPackages() {
  const print = fingerprint(['package.json', 'package-lock.json']);
  const marker = join(checkout, 'node_modules/.enginesmith-installed');
  if (isDone(marker, print)) return;
  await reported('npm packages', () =>
    run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: checkout, label: 'npm', quiet: true }),
  );
  writeAtomically(marker, print);
}

const bundlers = ['infra/bootstrap/bundle-service.mjs', 'infra/bootstrap/bundle-workflows.mjs'];

/** The service, its types checked, and its workflows: a bundle each. */
export async function compileService() {
  const print = fingerprint(['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json', ...bundlers]);
  const marker = join(checkout, 'dist/.compiled');
  if (isDone(marker, print)) return;
  await reported('service', async () => {
    const node = (args) => run(process.execPath, args, { cwd: checkout, label: 'compile' });
    await node(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
    for (const bundler of bundlers) await node([bundler, 'dist']);
  });
  writeAtomically(marker, print);
}
