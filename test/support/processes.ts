import { readdirSync, readFileSync } from 'node:fs';

export interface FoundProcess {
  pid: number;
  command: string;
}

/**
 * Living processes that name a directory in their command line or their environment: everything that a product with that
 * home has started, tools and servers included.
 */
export function processesNaming(directory: string): FoundProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const environment = readFileSync(`/proc/${name}/environ`, 'utf8');
        // A zombie has neither: it has ended.
        return `${command}\0${environment}`.includes(directory) ? [{ pid: Number(name), command }] : [];
      } catch {
        return [];
      }
    });
}
