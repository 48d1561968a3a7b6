import { join } from 'node:path';
import { installedEnvironment } from './installed-environment.mjs';
import { checkout } from './places.mjs';
import { exitOnFailure } from './report.mjs';
import { become } from './run.mjs';
import { setUp } from './set-up.mjs';

/** `npm run demo -- [SPEC] [--keep] [--json]`: the set-up, then a real model through the whole pipeline. */
exitOnFailure(async () => {
  const environment = installedEnvironment(await setUp());
  await become(process.execPath, [join(checkout, 'dist/client.js'), 'demo', ...process.argv.slice(2)], {
    env: environment,
  });
});
