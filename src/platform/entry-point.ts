import { join } from 'node:path';
import type entryPoints from '../entry-points.json';
import { codeLocation } from './code-location.js';

/** A module that is started as a program or a thread: it stays a file of its own in `dist`. */
type EntryPointName = keyof typeof entryPoints;

/** Options that both `new Worker(filename, { execArgv })` and `new Piscina({ filename, execArgv })` take. */
export interface EntryPoint {
  filename: string;
  execArgv: string[];
}

/**
 * Where an entry point is, and what Node needs to start it.
 * Node 20 cannot load TypeScript in a worker, and `--import tsx` registers its hooks in the main thread only: where the
 * sources run (vitest, tsx), the thread or program registers them for itself.
 */
export function entryPoint(name: EntryPointName, { codeDirectory, extension } = codeLocation): EntryPoint {
  const filename = join(codeDirectory, `${name}${extension}`);
  if (extension !== '.ts') return { filename, execArgv: [] };
  const loader = import.meta.resolve('tsx/esm/api');
  const registration = `import { register } from ${JSON.stringify(loader)}; register();`;
  return { filename, execArgv: ['--import', `data:text/javascript,${encodeURIComponent(registration)}`] };
}
