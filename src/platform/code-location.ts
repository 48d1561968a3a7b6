import { existsSync } from 'node:fs';
import { dirname, extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the package is that the running code belongs to, and in what form it runs. */
export interface CodeLocation {
  /** Holds package.json and the examples. */
  packageDirectory: string;
  /** `dist` of the package; `src` where its sources run, in vitest and tsx. */
  codeDirectory: string;
  /** Of a module: `.js` or `.ts`. */
  extension: string;
}

/**
 * Finds the package of a module, however deep the module is in it: a bundle moves code to other files than its sources are,
 * so that no module may look for files relative to its own URL.
 */
export function locateCode(moduleUrl: string): CodeLocation {
  const file = fileURLToPath(moduleUrl);
  let packageDirectory = dirname(file);
  while (!existsSync(join(packageDirectory, 'package.json'))) {
    const parent = dirname(packageDirectory);
    if (parent === packageDirectory)
      throw new Error(`${file} is part of no package: no directory above it has a package.json`);
    packageDirectory = parent;
  }
  const [form = ''] = relative(packageDirectory, file).split(sep);
  return { packageDirectory, codeDirectory: join(packageDirectory, form), extension: extname(file) };
}

/** Of the code that runs. */
export const codeLocation = locateCode(import.meta.url);
