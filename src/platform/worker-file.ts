import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Options that both `new Worker(filename, { execArgv })` and `new Piscina({ filename, execArgv })` take. */
export interface WorkerFile {
  filename: string;
  execArgv: string[];
}

/**
 * Where a worker thread's module is, in `dist/` as well as in the sources.
 * Node 20 cannot load TypeScript in a worker: hooks that the main thread registered do not reach it. When the caller runs
 * from its source (vitest, tsx), the thread gets tsx by itself.
 * @param name the module without its extension, relative to the caller, as in `./transfer.worker`
 * @param importMetaUrl the caller's `import.meta.url`
 */
export function workerFile(name: string, importMetaUrl: string): WorkerFile {
  const extension = extname(new URL(importMetaUrl).pathname);
  const filename = fileURLToPath(new URL(`${name}${extension}`, importMetaUrl));
  if (extension !== '.ts') return { filename, execArgv: [] };
  const loader = createRequire(importMetaUrl).resolve('tsx');
  return { filename, execArgv: ['--import', pathToFileURL(loader).href] };
}
