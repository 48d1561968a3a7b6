import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createToolStep } from '../../src/activities/run-tool.js';
import { makeModelRepository } from '../../src/activities/serve/model-repository.js';
import { revisionPlaces } from '../../src/activities/serve/revision-places.js';
import { identityOf, isAlive } from '../../src/platform/process/process-identity.js';
import { findRelease } from '../../src/toolchains/releases.js';
import { ENSEMBLE_TEMPLATE, ensembleModels, templateValues } from '../../src/toolchains/serving-templates.js';
import { until } from '../platform/process/jobs-fixture.js';
import { testAdmission, testSpec } from '../support/specs.js';
import { imageDigest, imageName, imageProgram, repository, standInDocker } from '../support/stand-in-docker.js';
import { realGpus, standInNvidiaSmi } from '../support/stand-in-nvidia-smi.js';
import { openHost, writeConfig, writeWeights } from './tool-host.js';

const uuids = [4, 5, 6, 7].map((index) => `GPU-0000000${index}`);

const admitted = testAdmission(
  testSpec((input) => {
    input.gpuClass = 'sm90';
    input.parallelism = { tensor: 2 };
    input.build = { maxBatchSize: 4, maxInputTokens: 1024, maxOutputTokens: 256, workers: 2 };
  }),
);

/**
 * A host whose toolchain is an image; the image's files are below the toolchain's root.
 * @param script what its python3 does
 */
async function openDockerHost(script: string, version?: string) {
  let docker: Awaited<ReturnType<typeof standInDocker>> | undefined;
  let nvidiaSmi: Awaited<ReturnType<typeof standInNvidiaSmi>> | undefined;
  const host = await openHost(imageProgram(script, version), {
    describe: async (root, home) => {
      docker = await standInDocker(home, [root], { gpus: uuids });
      const lines = (printed: string) => uuids.map((uuid) => printed.split('\n')[0]?.replace(realGpus[0], uuid) ?? '');
      nvidiaSmi = await standInNvidiaSmi(home, { query: (printed) => lines(printed).join('\n') });
      vi.stubEnv('PATH', nvidiaSmi.environment.PATH);
      onTestFinished(() => void vi.unstubAllEnvs());
      const runner = { kind: 'docker', image: imageName, root: `${root}/`, program: docker.program };
      return { identity: undefined, runner, devices: uuids.map((uuid) => ({ uuid })) };
    },
  });
  if (docker === undefined || nvidiaSmi === undefined) throw new Error('no docker was described');
  const { dependencies, environment, model, left } = host;
  const { jobs, places } = dependencies;
  onTestFinished(async () => {
    for (const jobId of await left(places.jobs)) await jobs.stop(jobId, { graceMs: 0 });
  });
  const step = createToolStep(dependencies, async ({ output }) => {
    await writeFile(join(output, 'rank0.engine'), 'engine');
    return output;
  });
  const build = () => environment.run(() => step({ admitted, step: 'engine', inputs: { checkpoint: model.digest } }));
  const pids = async (): Promise<number[]> =>
    (await readFile(join(host.root, 'bin/pids'), 'utf8').catch(() => '')).split('\n').filter(Boolean).map(Number);
  return { ...host, docker, nvidiaSmi, build, pids };
}

const lives = (pid: number): boolean => {
  const identity = identityOf(pid);
  return identity !== undefined && isAlive(identity);
};

const converts = `for output; do :; done; ${writeConfig()}; ${writeWeights()}`;

/** Writes its pid into a file of its image, and works for ever. */
const endless = `echo $$ >> "$(dirname "$0")/pids"; while :; do sleep 0.1; done`;

test('a step runs its tool in a container of the pinned image, with its inputs read-only and its own directory', async () => {
  const { docker, convert, dependencies, left } = await openDockerHost(converts);
  expect(dependencies.toolchain.identity).toBe(imageDigest);
  expect(await convert()).toMatchObject({ status: 'ran', artifact: { kind: 'checkpoint' } });
  const { store, scratch } = dependencies.places;
  const [probe, run] = await docker.runs();
  expect(probe).toMatchObject({ network: 'none', gpus: uuids, mounts: [] });
  expect(run?.reference).toBe(`${repository}@sha256:${imageDigest}`);
  const mounts = run?.mounts.filter(({ source }) => source !== process.env.SSL_CERT_FILE);
  expect(mounts).toEqual([
    expect.objectContaining({ source: expect.stringContaining(`${store}/`), readOnly: true }),
    expect.objectContaining({ source: expect.stringContaining(`${scratch}/convert-`), readOnly: false }),
  ]);
  expect(run?.environment).toMatchObject({
    ...{ OF_IMAGE: 'yes', HOME: mounts?.[1]?.source, CUDA_VISIBLE_DEVICES: '', NVIDIA_VISIBLE_DEVICES: 'none' },
    PATH: expect.stringMatching(/toolchain\/bin:\/usr\/local\/bin:\/usr\/bin:\/bin$/),
  });
  expect(await docker.containers()).toEqual([]);
  expect(await left(scratch)).toEqual([]);
});

test('a step gets the GPUs that it has leased, numbered as CUDA numbers them inside', async () => {
  const { dependencies, docker, root, build } = await openDockerHost('');
  await writeFile(join(root, 'bin/trtllm-build'), '#!/bin/bash\n', { mode: 0o755 });
  await dependencies.leases.acquire({ holder: 'somebody', count: 1 });
  await build();
  expect((await docker.runs()).at(-1)).toMatchObject({
    gpus: uuids.slice(1, 3),
    environment: { CUDA_VISIBLE_DEVICES: '0,1' },
    command: expect.arrayContaining(['trtllm-build']),
  });
});

test('a tool is not started on a GPU that a stranger fills, and the GPU is given back', async () => {
  const { dependencies, docker, nvidiaSmi, build } = await openDockerHost('');
  const [mine] = uuids;
  const before = (await docker.runs()).length;
  await nvidiaSmi.configure({
    query: (printed) =>
      uuids
        .map((uuid) => printed.split('\n')[0]?.replace(realGpus[0], uuid).replace('81079, 0', '1000, 80079') ?? '')
        .join('\n'),
    processes: [{ gpu_uuid: mine ?? '', pid: process.pid, process_name: 'notebook', used_memory: 80_000 }],
  });
  await expect(build()).rejects.toMatchObject({
    type: 'PreflightFailed',
    retryable: true,
    nextRetryDelayMs: 60_000,
    message: expect.stringMatching(/gpu-memory: 78\.2 GiB of 79\.6 GiB of GPU 0 are used by \d+ notebook\. End them/),
  });
  expect(await dependencies.leases.list()).toEqual([]);
  expect(await docker.runs()).toHaveLength(before);
});

test('a GPU that a stranger fills keeps no step from the others of the host', async () => {
  const { docker, nvidiaSmi, root, build } = await openDockerHost('');
  await writeFile(join(root, 'bin/trtllm-build'), '#!/bin/bash\n', { mode: 0o755 });
  await nvidiaSmi.configure({
    query: (printed) =>
      uuids
        .map((uuid, index) => {
          const line = printed.split('\n')[0]?.replace(realGpus[0], uuid) ?? '';
          return index === 0 ? line.replace('81079, 0', '1000, 80079') : line;
        })
        .join('\n'),
  });
  await expect(build()).rejects.toMatchObject({ type: 'PreflightFailed' });
  await build();
  expect((await docker.runs()).at(-1)).toMatchObject({ gpus: uuids.slice(1, 3) });
});

test('a cancelled step ends its container, and leaves nothing on the host', async () => {
  const { dependencies, environment, docker, convert, left, pids } = await openDockerHost(endless);
  const converting = convert();
  const pid = await until(async () => (await pids())[0]);
  environment.cancel();
  await expect(converting).rejects.toThrow('CANCELLED');
  expect(lives(pid)).toBe(false);
  expect(await docker.containers()).toEqual([]);
  expect(await left(dependencies.places.scratch)).toEqual([]);
});

test('a container whose client and supervisor were killed keeps its GPUs until the next worker ends it', async () => {
  const { dependencies, docker, home, startWorker, pids } = await openDockerHost(endless);
  const { jobs, launcher, leases, places } = dependencies;
  const start = (jobId: string) => {
    const request = { jobId, argv: ['python3', 'endless'], kind: 'task', workingDirectory: home } as const;
    return jobs.start({ ...launcher.launch(request), ownerTimeoutMs: 60_000, killGraceMs: 100 });
  };
  await leases.acquire({ holder: 'build-1', count: 4 });
  await leases.leave('build-1');
  const { identity: client } = await start('build-1');
  const orphan = await until(async () => (await pids())[0]);
  const claim = await readFile(join(places.jobs, 'build-1/runs/1/claim.json'), 'utf8');
  process.kill(JSON.parse(claim).supervisor.pid, 'SIGKILL');
  process.kill(client.pid, 'SIGKILL');
  await until(async () => (await jobs.inspect('build-1')).state === 'lost' && !isAlive(client));
  expect(lives(orphan)).toBe(true);
  expect(await leases.acquire({ holder: 'other', count: 1 })).toBeUndefined();

  await start('build-2');
  const supervised = await until(async () => (await pids())[1]);
  await startWorker();
  expect([lives(orphan), lives(supervised)]).toEqual([false, true]);
  expect(await leases.acquire({ holder: 'other', count: 1 })).toBeDefined();
  await jobs.forget('build-2');
  expect(await docker.containers()).toEqual([]);
});

test('docker that cannot run a container is no failure of the tool: the next attempt runs it', async () => {
  const { docker, convert } = await openDockerHost(converts);
  await docker.configure({ images: [] });
  await expect(convert()).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    retryable: true,
    message: expect.stringMatching(/Docker did not run the container.*No such image/),
  });
  await docker.configure({});
  expect(await convert()).toMatchObject({ status: 'ran' });
});

test('however often docker cannot run a container, the tool that runs then has all its attempts', async () => {
  const { docker, convert } = await openDockerHost('echo out of luck; exit 3');
  await docker.configure({ images: [] });
  for (const attempt of [1, 2, 3])
    await expect(convert(attempt)).rejects.toMatchObject({ type: 'PrerequisiteMissing' });
  await docker.configure({});
  await expect(convert(4)).rejects.toMatchObject({ type: 'ToolFailed', retryable: true, context: { failures: 1 } });
});

test('a program that the image lacks is a missing tool', async () => {
  const { build } = await openDockerHost('');
  await expect(build()).rejects.toMatchObject({
    type: 'ToolMissing',
    message: expect.stringMatching(/has no such program.*"trtllm-build": executable file not found/),
  });
});

test("a revision's model repository is made of the image's templates, by the image's programs", async () => {
  const { dependencies, docker, home, root } = await openDockerHost('echo "$4" > "$3"');
  for (const model of ensembleModels) {
    const template = join(root, 'opt/ensemble_models', ENSEMBLE_TEMPLATE, model);
    await mkdir(template, { recursive: true });
    await writeFile(join(template, 'config.pbtxt'), 'unfilled');
  }
  const revision = revisionPlaces(dependencies.places, 'app', 1);
  await mkdir(revision.directory, { recursive: true });
  const { spec } = admitted;
  const values = templateValues(
    spec,
    { maxBatchSize: 4, maxInputTokens: 8, maxOutputTokens: 8 },
    findRelease(spec.toolchain),
  );
  const parameters = { template: ENSEMBLE_TEMPLATE, worldSize: 1, values };
  await makeModelRepository(
    dependencies,
    revision,
    { schema: 'enginesmith/serving-parameters/v1', ...parameters },
    { model: await mkdtemp(join(home, 'model-')), engine: await mkdtemp(join(home, 'engine-')) },
  );
  for (const model of ensembleModels) {
    const filled = await readFile(join(revision.repository, model, 'config.pbtxt'), 'utf8');
    expect(filled).toContain('triton_max_batch_size:4');
  }
  expect((await docker.runs()).slice(1).map(({ network }) => network)).toEqual(Array(6).fill('none'));
});

test('an image of another release is refused with both named, and which image to take', async () => {
  await expect(openDockerHost('', '0.9.0')).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringMatching(
      /24\.06-trtllm-python-py3 holds TensorRT-LLM v0\.9\.0, .* reference-cpu is v0\.10\.0\. nvcr\.io\S*:24\.06\S* holds v0\.10\.0/,
    ),
  });
});
