import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { createGpuLeases } from '../../../src/platform/gpu-leases.js';
import { listeningPorts } from '../../../src/platform/process/listening-ports.js';
import type { ChaosEnvironment } from '../../support/chaos-environment.js';
import { processesNaming } from '../../support/processes.js';

/** What there is of an environment on this host; two are compared as lists of lines. */
export type Inventory = Record<'processes' | 'sockets' | 'leases' | 'files', string[]>;

/** Programs that the environment consists of are named, all others are shown by their command lines. */
export async function takeInventory(environment: ChaosEnvironment): Promise<Inventory> {
  const { home, parts } = environment;
  const nameOf = new Map([...parts].map(([name, { pid }]) => [pid, name]));
  const processes = processesNaming(dirname(home)).map(({ pid, command }) => ({
    pid,
    name: nameOf.get(pid) ?? command.replaceAll(dirname(home), '').slice(0, 200),
  }));
  const sockets = processes.map(({ pid, name }) => `${name} listens on ${listeningPorts([pid]).size} ports`);
  return {
    processes: processes.map(({ name }) => name).sort(),
    sockets: sockets.filter((line) => !line.endsWith(' 0 ports')).sort(),
    leases: await leases(environment),
    files: await files(environment),
  };
}

/** What the second has more than the first, but for lines that may be left, or less. */
export const differences = (before: Inventory, after: Inventory, mayLeave?: RegExp): string[] =>
  (Object.keys(before) as (keyof Inventory)[])
    .flatMap((kind) => [
      ...after[kind].filter((line) => !before[kind].includes(line)).map((line) => `left in ${kind}: ${line}`),
      ...before[kind].filter((line) => !after[kind].includes(line)).map((line) => `gone from ${kind}: ${line}`),
    ])
    .filter((line) => !mayLeave?.test(line));

/** Of every host of this home. */
async function leases({ home, view }: ChaosEnvironment): Promise<string[]> {
  const hosts = await names(view(join(home, 'hosts')));
  const held = hosts.map(async (host) => {
    const directory = view(join(home, 'hosts', host, 'leases'));
    if (!existsSync(directory)) return [];
    const list = await createGpuLeases({ directory, devices: [], isHolderActive: async () => true }).list();
    return list.map(({ index, holder }) => `GPU ${index} of ${host} by ${holder}`);
  });
  return (await Promise.all(held)).flat();
}

/**
 * What a finished revision keeps, and the ledger of a tool that failed, are there to be read. `.ses` is ONNX Runtime's, one
 * in each directory for temporary files.
 */
const KEPT = /\/(?:triton\.log|record\.json|endpoint\.json|[a-zA-Z]+-[0-9a-f]{64}\/attempts\.json|tmp\/\.ses)$/;

/** Files that belong to attempts, and claims that are held. */
async function files({ home, places, view }: ChaosEnvironment): Promise<string[]> {
  const hosts = await names(view(join(home, 'hosts')));
  const ofHosts = hosts.flatMap((host) =>
    ['jobs', 'scratch', 'deployments'].map((name) => join(home, 'hosts', host, name)),
  );
  const directories = [...ofHosts, join(places.store, 'staging'), places.downloads, join(dirname(home), 'tmp')];
  const found = await Promise.all(directories.map(async (directory) => filesBelow(view(directory))));
  const held = (await filesBelow(view(places.claims))).map(async (path) => {
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    return mtimeMs > 0 ? [path] : [];
  });
  return [...found.flat(), ...(await Promise.all(held)).flat()]
    .filter((path) => !KEPT.test(path))
    .map((path) => relative(view(dirname(home)), path))
    .sort();
}

const names = (directory: string): Promise<string[]> => readdir(directory).catch(() => []);

const filesBelow = async (directory: string): Promise<string[]> =>
  (await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
