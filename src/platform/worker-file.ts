import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Options that both `new Worker(filename, { execArgv })` and `new Piscina({ filename, execArgv })` take. */
export interface WorkerFile {
  filename: string;
  execArgv: string[];
}

/**
 * Where a worker thread's module is, in `dist/` as well as in the sources.
 * Node 20 cannot load TypeScript in a worker, and `--import tsx` registers its hooks in the main thread only: when the caller
 * runs from its source (vitest, tsx), the thread registers them for itself.
 * @param name the module without its extension, relative to the caller, as in `./transfer.worker`
 * @param importMetaUrl the caller's `import.meta.url`
 */
export function workerFile(name: string, importMetaUrl: string): WorkerFile {
  const extension = extname(new URL(importMetaUrl).pathname);
  const filename = fileURLToPath(new URL(`${name}${extension}`, importMetaUrl));
  if (extension !== '.ts') return { filename, execArgv: [] };
  const loader = import.meta.resolve('tsx/esm/api');
  const registration = `import { register } from ${JSON.stringify(loader)}; register();`;
  return { filename, execArgv: ['--import', `data:text/javascript,${encodeURIComponent(registration)}`] };
}
