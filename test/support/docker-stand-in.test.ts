import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type ContainerOptions, dockerRunArgv } from '../../src/platform/docker/docker-run.js';
import { imageName, standInDocker } from './stand-in-docker.js';

/** Runs a command with the stand-in, after `change` has spoilt the argv that Enginesmith would give. */
async function run(options: Partial<ContainerOptions>, change: (argv: string[]) => string[] = (argv) => argv) {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-stand-in-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const [input, scratch] = [join(home, 'input'), join(home, 'scratch')];
  for (const directory of [input, scratch]) await mkdir(directory);
  await writeFile(join(home, 'secret'), 'not mounted');
  const docker = await standInDocker(home, [], { gpus: ['GPU-0', 'GPU-1'] });
  const [program, ...words] = dockerRunArgv({
    ...{
      docker: docker.program,
      image: imageName,
      name: 'test',
      labels: {},
      argv: ['true'],
      gpus: [],
      network: 'none',
    },
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    mounts: { readOnly: [input], readWrite: [scratch] },
    ...{ workingDirectory: scratch, variables: {}, handedOn: [] },
    ...options,
  });
  const argv = change(words).map((word) => word.replaceAll('HOME', home));
  return new Promise<{ code: number; stderr: string }>((resolve) => {
    execFile(program, argv, (error, _, stderr) => resolve({ code: Number(error?.code ?? 0), stderr }));
  });
}

const replaced = (from: RegExp, to: string) => (argv: string[]) => argv.map((word) => word.replace(from, to));

test('the stand-in runs what Enginesmith gives', async () => {
  const gpus = [0, 1].map((index) => ({ index, class: 'sm90', memoryBytes: 1, uuid: `GPU-${index}` }));
  expect(await run({ argv: ['bash', '-c', 'exit 7'], gpus })).toEqual({ code: 7, stderr: '' });
});

test.each<[string, Partial<ContainerOptions>, ((argv: string[]) => string[]) | undefined, RegExp]>([
  ['an unknown flag', {}, replaced(/^--init$/, '--inti'), /unknown flag: --inti/],
  [
    'devices without inner quotes',
    {},
    replaced(/^--stop-timeout=10$/, '--gpus=device=0,1'),
    /cannot set both Count and DeviceIDs/,
  ],
  [
    'a GPU that is not there',
    { gpus: [{ index: 2, class: 'sm90', memoryBytes: 1, uuid: 'GPU-2' }] },
    undefined,
    /GPU-2: unknown device/,
  ],
  ['an argument below no mount', { argv: ['cat', 'HOME/secret'] }, undefined, /finds .*\/secret below no mount/],
  ['a variable below no mount', { variables: { HF_HOME: 'HOME/cache' } }, undefined, /finds .*\/cache below no mount/],
  [
    'a mount of nothing',
    { mounts: { readOnly: ['HOME/none'], readWrite: [] } },
    undefined,
    /source path does not exist/,
  ],
  ['an image that it would have to pull', {}, replaced(/^--pull=never$/, '--pull=always'), /pulls nothing/],
  [
    'a tool that writes below an input',
    { argv: ['touch', 'HOME/input/x'] },
    undefined,
    /wrote below a read-only mount/,
  ],
])('the stand-in refuses %s', async (_, options, change, message) => {
  const { code, stderr } = await run(options, change);
  expect(stderr).toMatch(message);
  expect(code).toBe(125);
});
