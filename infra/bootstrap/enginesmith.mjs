#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedEnvironment } from './installed-environment.mjs';
import { checkout, installationFile } from './places.mjs';
import { exitOnFailure, SetupError } from './report.mjs';
import { become } from './run.mjs';

/** `npx enginesmith` in a checkout: the compiled CLI, with what the set-up installed. */
exitOnFailure(async () => {
  if (!existsSync(installationFile)) throw new SetupError('this checkout is not set up: run `npm run setup` first');
  const installation = JSON.parse(readFileSync(installationFile, 'utf8'));
  const environment = installedEnvironment(installation);
  await become(process.execPath, [join(checkout, 'dist/client.js'), ...process.argv.slice(2)], { env: environment });
});
