import { chmod, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, onTestFinished, test } from 'vitest';
import { createBuild } from '../../src/activities/build.js';
import { createCheckpoint } from '../../src/activities/checkpoint.js';
import type { StepOutcome, StepRequest } from '../../src/contracts/steps.js';
import { until } from '../platform/process/jobs-fixture.js';
import { testAdmission, testSpec } from '../support/specs.js';
import { converter, openHost, writeConfig, writeWeights } from './tool-host.js';

/* Tools that go on, or end, between the attempts that wait for them. */

type Host = Awaited<ReturnType<typeof openHost>>;

/** An attempt in an environment of its own, which can be given up by itself. */
function attemptAt(
  { environment: { context } }: Host,
  step: (request: StepRequest) => Promise<StepOutcome>,
  request: StepRequest,
  attempt: number,
) {
  const environment = new MockActivityEnvironment({ ...context.info, attempt }, { logger: new DefaultLogger('ERROR') });
  return {
    run: () => environment.run(() => step(request)),
    /** As a worker that shuts down does. */
    giveUp: () => environment.cancel('WORKER_SHUTDOWN'),
  };
}

/** A conversion that waits for a file, and what stands for its attempts. */
async function openConversion(afterwards: string) {
  const host = await openHost(
    converter(`home="$(dirname "$0")"; until [ -e "$home/go" ]; do sleep 0.05; done; ${afterwards}`),
  );
  const { dependencies, root, model, runs } = host;
  const request: StepRequest = {
    admitted: testAdmission(),
    step: 'baseline-checkpoint',
    inputs: { model: model.digest },
  };
  const attempt = (number: number) => attemptAt(host, createCheckpoint(dependencies), request, number);
  const allow = (name: string) => writeFile(join(root, 'bin', name), '');
  /** An attempt that its worker gives up while its tool waits, which goes on. */
  const leaveRunning = async (number = 1): Promise<void> => {
    const before = await runs();
    const left = attempt(number);
    const running = left.run();
    await until(async () => (await runs()) > before);
    left.giveUp();
    await expect(running).rejects.toThrow('WORKER_SHUTDOWN');
  };
  const endTool = async (): Promise<void> => {
    await allow('go');
    await until(async () => {
      const [jobId = ''] = await host.left(dependencies.places.jobs);
      return (await dependencies.jobs.inspect(jobId)).state === 'exited';
    });
  };
  return { ...host, request, attempt, leaveRunning, endTool };
}

const MAKES = `${writeConfig()}\n${writeWeights()}`;

test('what a tool made while nobody waited is kept by an attempt that its worker gives up', async () => {
  const { attempt, leaveRunning, endTool, runs } = await openConversion(MAKES);
  await leaveRunning();
  await endTool();
  const second = attempt(2);
  second.giveUp();
  await expect(second.run()).rejects.toThrow('WORKER_SHUTDOWN');
  expect(await attempt(3).run()).toMatchObject({ status: 'ran', artifact: { kind: 'checkpoint' } });
  expect(await runs()).toBe(1);
});

test('a tool that ends while the next attempt takes it up is not run again', async () => {
  const host = await openConversion(MAKES);
  const { dependencies, endTool, leaveRunning, request, runs } = host;
  const { jobs } = dependencies;
  await leaveRunning();
  const start: typeof jobs.start = async (command) => {
    await endTool();
    return jobs.start(command);
  };
  const step = createCheckpoint({ ...dependencies, jobs: { ...jobs, start } });
  expect(await attemptAt(host, step, request, 2).run()).toMatchObject({ status: 'ran' });
  expect(await runs()).toBe(1);
});

test('what a tool makes while its attempt is being given up is kept', async () => {
  const host = await openConversion(MAKES);
  const { dependencies, endTool, request, runs } = host;
  const { jobs } = dependencies;
  let isWaitedFor = false;
  const wait: typeof jobs.wait = async (...waiting) => {
    isWaitedFor = true;
    try {
      return await jobs.wait(...waiting);
    } finally {
      isWaitedFor = false;
      isGivenUp = true;
    }
  };
  let isGivenUp = false;
  const inspect: typeof jobs.inspect = async (jobId) => {
    const found = await jobs.inspect(jobId);
    if (isGivenUp && found.state === 'running') {
      isGivenUp = false;
      await endTool();
    }
    return found;
  };
  const step = createCheckpoint({ ...dependencies, jobs: { ...jobs, inspect, wait } });
  const first = attemptAt(host, step, request, 1);
  const running = first.run();
  await until(async () => isWaitedFor);
  first.giveUp();
  await expect(running).rejects.toThrow('WORKER_SHUTDOWN');
  expect(await host.attempt(2).run()).toMatchObject({ status: 'ran' });
  expect(await runs()).toBe(1);
});

test('what a tool has made needs no room a second time, though others have reserved all that is free', async () => {
  const { attempt, leaveRunning, endTool, runs, dependencies, home } = await openConversion(MAKES);
  await leaveRunning();
  await endTool();
  // The reservation of a worker that is gone, as this process is not.
  for (const ledger of await readdir(home, { recursive: true }))
    if (basename(ledger) === 'reservations') await rm(join(home, ledger), { recursive: true });
  const { bavail, bsize } = await statfs(home);
  const { store } = dependencies.places;
  const bytes = bavail * bsize - 64 * 1024 * 1024;
  const other = { id: 'other', step: 'other', bytes, writesTo: join(home, 'other'), into: store };
  const reservation = await dependencies.disk.reserve(other, async () => null);
  onTestFinished(() => reservation.release());
  expect(await attempt(2).run()).toMatchObject({ status: 'ran' });
  expect(await runs()).toBe(1);
});

test('a tool that failed after its run was over is no outcome of the next run, and is one of the same', async () => {
  const { attempt, leaveRunning, endTool, runs, root } = await openConversion(
    `if [ -e "$home/broken" ]; then exit 3; fi\n${MAKES}`,
  );
  await writeFile(join(root, 'bin/broken'), '');
  await leaveRunning();
  await endTool();
  await expect(attempt(2).run()).rejects.toMatchObject({ type: 'ToolFailed' });
  expect(await runs()).toBe(1);

  await rm(join(root, 'bin/go'));
  await leaveRunning(3);
  await endTool();
  await rm(join(root, 'bin/broken'));
  expect(await attempt(1).run()).toMatchObject({ status: 'ran' });
  expect(await runs()).toBe(3);
});

/** A build of two ranks that waits for a file, on a host of two GPUs. */
async function openBuild() {
  const engineConfig = {
    version: '0.10.0',
    pretrained_config: {
      architecture: 'LlamaForCausalLM',
      mapping: { world_size: 2, tp_size: 2, pp_size: 1 },
      quantization: { quant_algo: null },
    },
    build_config: { max_batch_size: 4, max_input_len: 1024, max_output_len: 256 },
  };
  const host = await openHost(null, {
    describe: async () => ({ devices: [0, 1].map((index) => ({ index, class: 'cpu', memoryBytes: 1 })) }),
  });
  const { dependencies, root } = host;
  const program = join(root, 'bin/trtllm-build');
  const script = [
    '#!/bin/bash',
    'PATH=/usr/bin:/bin; home="$(dirname "$0")"; echo "$@" >> "$home/builds"',
    'while [ $# -gt 0 ]; do [ "$1" = --output_dir ] && output="$2"; shift; done',
    'until [ -e "$home/go" ]; do sleep 0.05; done',
    `echo '${JSON.stringify(engineConfig)}' > "$output/config.json"; echo e > "$output/rank0.engine"; echo f > "$output/rank1.engine"`,
  ];
  await writeFile(program, `${script.join('\n')}\n`);
  await chmod(program, 0o755);
  const builds = async () =>
    (await readFile(join(root, 'bin/builds'), 'utf8').catch(() => '')).split('\n').filter(Boolean);

  const staging = await dependencies.store.stage('checkpoint');
  await writeFile(join(staging.directory, 'config.json'), JSON.stringify(engineConfig.pretrained_config));
  const at = new Date(0).toISOString();
  const record = { attemptId: 'a', step: 'checkpoint', argv: [], environment: {}, startedAt: at, endedAt: at };
  const { reference } = await staging.commit({
    key: 'e'.repeat(64),
    record: { ...record, host: 'host-a', toolchain: null },
  });
  const buildWith = (workers: number, attempt: number) => {
    const admitted = testAdmission(
      testSpec((input) => {
        input.parallelism = { tensor: 2 };
        input.build = { ...input.build, workers };
      }),
    );
    const request: StepRequest = { admitted, step: 'baseline-engine', inputs: { checkpoint: reference.digest } };
    return attemptAt(host, createBuild(dependencies), request, attempt);
  };

  const finish = () => writeFile(join(root, 'bin/go'), '');
  /** Its worker gives up while it runs. */
  const leaveRunning = async (workers: number): Promise<void> => {
    const first = buildWith(workers, 1);
    const left = first.run();
    await until(async () => (await builds()).length > 0);
    first.giveUp();
    await expect(left).rejects.toThrow('WORKER_SHUTDOWN');
  };
  return { ...host, builds, buildWith, finish, leaveRunning };
}

test('a build that another pipeline has left running is gone on with as it was started, on all its GPUs', async () => {
  const { dependencies, builds, buildWith, finish, leaveRunning } = await openBuild();
  await leaveRunning(2);
  const second = buildWith(1, 1).run();
  await until(async () => (await dependencies.leases.list()).length > 0);
  expect((await dependencies.leases.list()).map(({ index }) => index)).toEqual([0, 1]);
  await finish();
  expect(await second).toMatchObject({ status: 'ran', artifact: { kind: 'engine' } });
  expect(await builds()).toEqual([expect.stringContaining('--workers 2')]);
});

test('what a build has made waits for no GPU, and its statement names those that it had', async () => {
  const { dependencies, builds, buildWith, finish, leaveRunning, left } = await openBuild();
  const { jobs, leases, places, store } = dependencies;
  await leaveRunning(2);
  const [jobId = ''] = await left(places.jobs);
  await finish();
  await until(async () => (await jobs.inspect(jobId)).state === 'exited');
  // Its lease ended with it, as nobody waited for it.
  expect(await leases.acquire({ holder: 'another', count: 2 })).toBeDefined();
  const { artifact } = (await buildWith(2, 2).run()) as StepOutcome;
  expect(await builds()).toHaveLength(1);
  expect((await leases.list()).map(({ holder }) => holder)).toEqual(['another', 'another']);
  const [statement] = await store.attestations(artifact.digest);
  expect(statement?.text).toContain('VIRTUAL-cpu-1');
});
