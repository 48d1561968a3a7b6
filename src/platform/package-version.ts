import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeLocation } from './code-location.js';

/** Version of the package that the running code belongs to. */
export const { version: packageVersion } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(join(codeLocation.packageDirectory, 'package.json'), 'utf8')));
