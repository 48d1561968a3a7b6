#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedEnvironment } from './installed-environment.mjs';
import { checkout, installationFile } from './places.mjs';
import { exitOnFailure, SetupError } from './report.mjs';

/** `npx enginesmith` in a checkout: the compiled CLI, in this very process, with what the set-up installed. */
exitOnFailure(async () => {
  if (!existsSync(installationFile)) throw new SetupError('this checkout is not set up: run `npm run setup` first');
  Object.assign(process.env, installedEnvironment(JSON.parse(readFileSync(installationFile, 'utf8'))));
  const { runCli } = await import(join(checkout, 'dist/cli/main.js'));
  await runCli(process.argv.slice(2));
});
