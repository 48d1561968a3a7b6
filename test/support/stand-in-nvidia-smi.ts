import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('./nvidia-smi-stand-in/main.mjs', import.meta.url));
const fixture = (name: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../fixtures/nvidia-smi/${name}.txt`, import.meta.url)), 'utf8');

/** The GPUs of the host that the fixtures were taken on. */
export const realGpus = [
  'GPU-11111111-aaaa-bbbb-cccc-000000000001',
  'GPU-22222222-aaaa-bbbb-cccc-000000000002',
] as const;

interface StandInProcess {
  gpu_uuid: string;
  pid: number;
  process_name: string;
  /** MiB. */
  used_memory: number | string;
}

interface Settings {
  /** Changes what a real nvidia-smi printed for `--query-gpu`. */
  query?: (printed: string) => string;
  list?: string;
  processes?: StandInProcess[];
  exit?: { code: number; text: string } | undefined;
}

/**
 * An `nvidia-smi` on a PATH of its own, which prints what a real one printed on a host with two H100.
 * @param directory for its state; it may have been there before
 */
export async function standInNvidiaSmi(directory: string, settings: Settings = {}) {
  const state = join(directory, 'nvidia-smi-state');
  const bin = join(directory, 'nvidia-smi-bin');
  for (const path of [state, bin]) await mkdir(path, { recursive: true });
  const printed = { query: await fixture('query'), list: await fixture('L') };
  let current = settings;
  const configure = (changes: Settings): Promise<void> => {
    current = { ...current, ...changes };
    const { query = (same: string) => same, list = printed.list, processes = [], exit } = current;
    return writeFile(
      join(state, 'settings.json'),
      JSON.stringify({ query: query(printed.query), list, processes, exit }),
    );
  };
  await configure({});
  const program = join(bin, 'nvidia-smi');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' '${state}' "$@"\n`);
  await chmod(program, 0o755);
  return { bin, environment: { PATH: `${bin}:${process.env.PATH}` }, configure };
}
