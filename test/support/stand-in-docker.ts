import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const main = fileURLToPath(new URL('./docker-stand-in/main.mjs', import.meta.url));

export const imageDigest = 'a'.repeat(64);
const imageId = 'b'.repeat(64);
export const imageName = 'registry.example:5000/tritonserver:24.06-trtllm-python-py3';
export const repository = 'registry.example:5000/tritonserver';

export const pushedImage = {
  name: imageName,
  Id: `sha256:${imageId}`,
  RepoDigests: [`mirror.example/tritonserver@sha256:${'c'.repeat(64)}`, `${repository}@sha256:${imageDigest}`],
  Config: { Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'NVIDIA_VISIBLE_DEVICES=all', 'OF_IMAGE=yes'] },
};

/** One that was built on this host. */
export const localImage = { ...pushedImage, name: 'enginesmith/trtllm:v0.10.0', RepoDigests: [] };

/** What the stand-in was asked to run. */
export interface StandInRun {
  name: string;
  /** The image, as it was named. */
  reference: string;
  labels: Record<string, string>;
  network: string;
  mounts: { source: string; readOnly: boolean }[];
  gpus: string[];
  environment: Record<string, string>;
  command: string[];
}

interface Settings {
  daemon?: 'running' | 'stopped' | 'denied';
  images?: object[];
  /** Ids that the driver knows: indices and UUIDs. */
  gpus?: string[];
  runtimes?: string[];
}

/**
 * A docker program whose images have their files below `roots` of this host.
 * @param directory empty, for its state
 */
export async function standInDocker(directory: string, roots: string[], settings: Settings = {}) {
  const state = join(directory, 'docker');
  await mkdir(state, { recursive: true });
  const configure = (changes: Settings): Promise<void> => {
    const {
      daemon = 'running',
      images = [pushedImage, localImage],
      gpus = [],
      runtimes = ['runc'],
    } = { ...settings, ...changes };
    const withRoots = images.map((image) => ({ ...image, roots }));
    return writeFile(join(state, 'settings.json'), JSON.stringify({ daemon, gpus, runtimes, images: withRoots }));
  };
  await configure({});
  const program = join(directory, 'docker-client');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' '${state}' "$@"\n`);
  await chmod(program, 0o755);
  const docker = async (...words: string[]): Promise<string> => (await promisify(execFile)(program, words)).stdout;
  const containers = async (): Promise<string[]> =>
    (await docker('ps', '--all', '--format={{.ID}}')).split('\n').filter((id) => id !== '');
  onTestFinished(async () => {
    await configure({ daemon: 'running' });
    for (const id of await containers()) await docker('rm', '--force', id);
  });
  const runs = async (): Promise<StandInRun[]> =>
    (await readFile(join(state, 'runs.jsonl'), 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return { program, configure, docker, containers, runs };
}

/** A program of an image: answers Enginesmith's probe, and else does `script`. */
export const imageProgram = (script: string, version = '0.10.0', missing: string[] = []): string =>
  `#!/bin/bash\nif [ "$1" = -c ]; then echo "== Some banner =="; echo '${JSON.stringify({ version, missing })}'; exit; fi\n${script}\n`;
