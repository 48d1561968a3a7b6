import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readToolchainDescription } from '../../src/platform/toolchain-installation.js';

const identity = 'a'.repeat(64);
const devices = [{ index: 0, class: 'sm90', memoryBytes: 1 }];
const common = { name: 'trtllm-0.10', release: 'v0.10.0', devices };

async function read(content: object | string) {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-toolchain-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'toolchain.json'), typeof content === 'string' ? content : JSON.stringify(content));
  return { directory, description: await readToolchainDescription(directory) };
}

test('a toolchain without a runner is on this host, in the directory of its description', async () => {
  const { directory, description } = await read({ ...common, identity });
  expect(description).toEqual({ ...common, identity, environment: {}, runner: { kind: 'host' }, root: directory });
});

test('an image is known by its digest, or not yet by its tag', async () => {
  const byDigest = await read({
    ...common,
    runner: { kind: 'docker', image: `trtllm:v0.10.0@sha256:${identity}`, root: '/opt/x/' },
  });
  expect(byDigest.description).toMatchObject({ identity, root: '/opt/x' });
  const byTag = await read({ ...common, runner: { kind: 'docker', image: 'trtllm:v0.10.0' } });
  expect(byTag.description).toMatchObject({ identity: undefined, root: '' });
});

test.each<[string, object | string, RegExp]>([
  ['no identity on the host', common, /identity: must be a sha256 over all that is installed/],
  [
    'an identity beside an image',
    { ...common, identity, runner: { kind: 'docker', image: 'x' } },
    /identity: is the image's digest/,
  ],
  ['an unknown runner', { ...common, identity, runner: { kind: 'podman' } }, /runner/],
  [
    'a misspelt key of the runner',
    { ...common, runner: { kind: 'docker', image: 'x', rutime: 'nvidia' } },
    /runner: .*rutime/,
  ],
  [
    'an image that is a flag',
    { ...common, runner: { kind: 'docker', image: '--privileged' } },
    /runner\.image: must be an image name/,
  ],
  [
    'a root that is relative',
    { ...common, runner: { kind: 'docker', image: 'x', root: 'opt' } },
    /runner\.root: must be a path/,
  ],
  [
    'a UUID that is none',
    { ...common, identity, devices: [{ ...devices[0], uuid: '0' }] },
    /devices\.0\.uuid: must be as/,
  ],
  ['what is not JSON', 'name: x', /must be a JSON object/],
])('%s is refused with the field', async (_, content, message) => {
  await expect(read(content)).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringMatching(message),
  });
});
