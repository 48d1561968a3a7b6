import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createDockerClient } from '../../../src/platform/docker/docker-client.js';
import { resolveImage } from '../../../src/platform/docker/image.js';
import {
  imageDigest,
  imageName,
  localImage,
  pushedImage,
  repository,
  standInDocker,
} from '../../support/stand-in-docker.js';

async function openDocker(settings: Parameters<typeof standInDocker>[2] = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-image-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const { program } = await standInDocker(directory, [], settings);
  return createDockerClient(program, process.env);
}

test("an image that came from a registry has its repository's digest there, and is pinned to it", async () => {
  const pinned = `${repository}@sha256:${imageDigest}`;
  const docker = await openDocker();
  for (const name of [imageName, pinned]) {
    expect(await resolveImage(docker, name)).toEqual({
      reference: pinned,
      digest: imageDigest,
      environment: { PATH: '/usr/local/bin:/usr/bin:/bin', NVIDIA_VISIBLE_DEVICES: 'all', OF_IMAGE: 'yes' },
    });
  }
});

test('an image that was built here, and never pushed, has its id', async () => {
  const digest = 'b'.repeat(64);
  expect(await resolveImage(await openDocker(), localImage.name)).toMatchObject({ reference: pushedImage.Id, digest });
});

test.each<[string, Parameters<typeof standInDocker>[2], RegExp]>([
  ['an image that is absent', { images: [] }, /is not on this host .*No such image.*`docker pull registry\.example/],
  ['a daemon that is stopped', { daemon: 'stopped' }, /daemon cannot be reached.*\n.*systemctl start docker/],
  ['a socket that is not ours', { daemon: 'denied' }, /may not talk to the Docker daemon.*\n.*usermod -aG docker/],
])('%s is said with what to do', async (_, settings, message) => {
  await expect(resolveImage(await openDocker(settings), imageName)).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringMatching(message),
  });
});

test('a docker that is not installed is said with what to install', async () => {
  await expect(createDockerClient('docker-not-installed', process.env)).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringMatching(/docker-not-installed is no program on PATH\. Install Docker Engine/),
  });
});
