import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

export const example = (name: string): string => join(checkout, 'examples', `${name}.yaml`);

/** A directory that is gone after the test. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-cli-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A spec file of the given text. */
export async function specFile(content: string | Buffer, name = 'spec.yaml'): Promise<string> {
  const file = join(await temporaryDirectory(), name);
  await writeFile(file, content);
  return file;
}

/** Starts the program from its source, without what this machine has installed. */
export const startEnginesmith = (args: string[], environment: Record<string, string>) =>
  execa('node', ['--import', 'tsx', 'src/client.ts', ...args], {
    cwd: checkout,
    reject: false,
    extendEnv: false,
    timeout: 60_000,
    env: { PATH: process.env.PATH, ENGINESMITH_HOST: 'host-a', ...environment },
  });

/** Runs a line of a shell in which `enginesmith` is the program. */
export async function shell(line: string, environment: Record<string, string> = {}) {
  const program = 'enginesmith() { node --import tsx src/client.ts "$@"; }; set -o pipefail';
  const { exitCode, stdout, stderr } = await execa('bash', ['--norc', '-c', `${program}; ${line}`], {
    cwd: checkout,
    reject: false,
    extendEnv: false,
    timeout: 60_000,
    env: { PATH: process.env.PATH, ENGINESMITH_HOST: 'host-a', ...environment },
  });
  return { exitCode, stdout, stderr };
}

/** Runs the program in a home of its own, and waits for its end. */
export async function enginesmith(args: string[], environment: Record<string, string> = {}) {
  const home = { ENGINESMITH_HOME: await temporaryDirectory() };
  const { exitCode, stdout, stderr } = await startEnginesmith(args, { ...home, ...environment });
  return { exitCode, stdout, stderr };
}
