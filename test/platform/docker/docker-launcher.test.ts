import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createDockerClient } from '../../../src/platform/docker/docker-client.js';
import { createDockerLauncher } from '../../../src/platform/docker/docker-launcher.js';
import { resolveImage } from '../../../src/platform/docker/image.js';
import { listeningPorts } from '../../../src/platform/process/listening-ports.js';
import type { ToolRequest } from '../../../src/platform/tool-launcher.js';
import { imageName, standInDocker } from '../../support/stand-in-docker.js';
import { temporaryRunner, until } from '../process/jobs-fixture.js';

/** A job runner and a launcher of containers; `image` is the directory of the image's files, `scratch` the job's. */
async function openLauncher(workerEnvironment: NodeJS.ProcessEnv = {}) {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-docker-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const [image, scratch] = [join(home, 'image'), join(home, 'scratch')];
  for (const directory of [image, scratch]) await mkdir(directory);
  const docker = await standInDocker(home, [image]);
  const client = await createDockerClient(docker.program, process.env);
  const launcher = createDockerLauncher({
    docker: client,
    image: await resolveImage(client, imageName),
    runner: { kind: 'docker', image: imageName, root: '/', program: docker.program },
    toolchain: { environment: {} },
    home,
    host: 'host',
    workerEnvironment: { ...workerEnvironment, HOME: home },
  });
  const { jobs } = temporaryRunner();
  const request = (argv: string[], changes: Partial<ToolRequest> = {}): ToolRequest => ({
    ...{ jobId: 'job', argv, kind: 'task', workingDirectory: scratch },
    ...changes,
  });
  return { docker, image, scratch, launcher, jobs, request };
}

/** Listens, says where, and takes a moment to end when it is asked to. */
const server = `
const { writeFileSync } = require('node:fs');
const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
  writeFileSync('port', String(server.address().port));
});
process.on('SIGTERM', () => setTimeout(() => { writeFileSync('finished', 'yes'); process.exit(); }, 300));
`;

test('a service lives on when its launcher returns, shows its ports, and may finish when it is told to stop', async () => {
  const { docker, image, scratch, launcher, jobs, request } = await openLauncher();
  await writeFile(join(image, 'server.cjs'), server);
  await writeFile(
    join(image, 'launch'),
    `#!/bin/bash\n'${process.execPath}' '${image}/server.cjs' &\necho launched\n`,
    {
      mode: 0o755,
    },
  );
  const service = launcher.launch(request([join(image, 'launch')], { kind: 'service', reaches: 'clients' }));
  await jobs.start({ ...service, ownerTimeoutMs: null, killGraceMs: 5_000 });
  const port = Number(await until(() => readFile(join(scratch, 'port'), 'utf8').catch(() => '')));
  expect(listeningPorts(await launcher.processesOf('job', []))).toEqual(new Set([port]));
  expect(await jobs.inspect('job')).toMatchObject({ state: 'running' });

  const ended = jobs.wait('job');
  await jobs.stop('job', { graceMs: 5_000 });
  expect(await ended).toMatchObject({ endedBy: 'request', logTail: 'launched' });
  expect(await readFile(join(scratch, 'finished'), 'utf8')).toBe('yes');
  expect(await launcher.processesOf('job', [])).toEqual([]);
  expect(await docker.containers()).toEqual([]);
});

test('a container that is deaf, and outlives its killed client, is ended with its run', async () => {
  const { docker, scratch, launcher, jobs, request } = await openLauncher();
  const deaf = ['bash', '-c', 'trap "" TERM; touch ready; while :; do sleep 0.1; done'];
  await jobs.start({ ...launcher.launch(request(deaf)), ownerTimeoutMs: 20_000 });
  await until(() => readFile(join(scratch, 'ready')).catch(() => undefined));
  await jobs.stop('job', { graceMs: 200 });
  expect(await docker.containers()).toEqual([]);
});

test("a tool's exit code and output are the container's", async () => {
  const { launcher, jobs, request } = await openLauncher();
  const { launch } = launcher;
  const outcome = await jobs.run({
    ...launch(request(['bash', '-c', 'echo out; echo err >&2; exit 125'])),
    ownerTimeoutMs: 20_000,
  });
  expect(outcome).toMatchObject({ exitCode: 125, endedBy: 'tool' });
  expect(outcome.logTail.split('\n').sort()).toEqual(['err', 'out']);
  await expect(launcher.explainFailure([], outcome)).resolves.toBeUndefined();
});

test('a proxy with a password is handed on, and is in no command line', async () => {
  const proxy = 'http://user:secret@proxy.example:3128';
  const { docker, launcher, jobs, request } = await openLauncher({ HTTPS_PROXY: proxy });
  const launched = launcher.launch(request(['true'], { reaches: 'hub' }));
  expect(JSON.stringify([launched.argv, launched.endCommand])).not.toContain('secret');
  await jobs.run({ ...launched, ownerTimeoutMs: 20_000 });
  expect((await docker.runs()).at(-1)?.environment.HTTPS_PROXY).toBe(proxy);
});

test.each<[ToolRequest['reaches'], string | undefined, string]>([
  [undefined, 'http://127.0.0.1:8080', 'none'],
  ['hub', 'https://huggingface.co', 'bridge'],
  ['hub', 'http://127.0.0.1:8080', 'host'],
  ['hub', 'http://localhost', 'host'],
  ['clients', undefined, 'host'],
])('a tool that reaches %s with the Hub at %s has the network %s', async (reaches, HF_ENDPOINT, network) => {
  const { launcher, request } = await openLauncher();
  const variables = HF_ENDPOINT === undefined ? {} : { HF_ENDPOINT };
  expect(launcher.launch(request(['true'], { ...(reaches && { reaches }), variables })).argv).toContain(
    `--network=${network}`,
  );
});
