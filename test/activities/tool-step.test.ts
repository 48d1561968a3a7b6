import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createConvert } from '../../src/activities/checkpoint.js';
import { createActivityDependencies } from '../../src/activities/create-dependencies.js';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import type { StepOutcome } from '../../src/contracts/steps.js';
import { readConfiguration } from '../../src/platform/config.js';
import { until } from '../platform/process/jobs-fixture.js';
import { testAdmission } from '../support/specs.js';

const config = {
  architecture: 'LlamaForCausalLM',
  mapping: { world_size: 1, tp_size: 1, pp_size: 1 },
  quantization: { quant_algo: null },
};

/** What stands for `python3 convert_checkpoint.py … --output_dir DIRECTORY`: the last argument is where it writes. */
const converter = (rest: string): string =>
  `#!/bin/sh\nfor output; do :; done\necho run >> "$(dirname "$0")/runs"\n${rest}\n`;
const good = converter(
  `echo '${JSON.stringify(config)}' > "$output/config.json"\necho w > "$output/rank0.safetensors"`,
);

/** A host with a toolchain of one program, and a model in its store. */
async function openHost(program: string) {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-step-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const root = join(home, 'toolchain');
  await mkdir(join(root, 'bin'), { recursive: true });
  await writeFile(join(root, 'bin/python3'), program);
  await chmod(join(root, 'bin/python3'), 0o755);
  const admitted: AdmittedSpec = testAdmission();
  const description = {
    ...admitted.toolchain,
    environment: { PATH: [join(root, 'bin')] },
    devices: [{ index: 0, class: 'cpu', memoryBytes: 1 }],
  };
  await writeFile(join(root, 'toolchain.json'), JSON.stringify(description));
  const dependencies = await createActivityDependencies({
    configuration: readConfiguration({
      ENGINESMITH_HOME: home,
      ENGINESMITH_CACHE: join(home, 'cache'),
      ENGINESMITH_TOOLCHAIN_ROOT: root,
    }),
    client: new Client({ connection: Connection.lazy({ address: '127.0.0.1:9' }) }),
    logger: pino({ level: 'silent' }),
  });
  onTestFinished(() => dependencies.store.close());
  const staging = await dependencies.store.stage('model');
  await writeFile(join(staging.directory, 'config.json'), '{}');
  const startedAt = new Date(0).toISOString();
  const record = { attemptId: 'a', step: 'model', argv: [], environment: {}, startedAt, endedAt: startedAt };
  const { reference } = await staging.commit({
    key: 'f'.repeat(64),
    record: { ...record, host: 'host-a', toolchain: null },
  });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const step = createConvert(dependencies);
  const convert = (): Promise<StepOutcome> =>
    environment.run(() => step({ admitted, step: 'baseline-checkpoint', inputs: { model: reference.digest } }));
  const left = async (directory: string) => readdir(directory).catch(() => []);
  const runs = async () => (await readFile(join(root, 'bin/runs'), 'utf8').catch(() => '')).split('\n').length - 1;
  return { dependencies, environment, convert, left, runs };
}

test('a step runs its tool once, commits what it made, and leaves nothing on the host', async () => {
  const { dependencies, convert, left, runs } = await openHost(good);
  const made = await convert();
  expect(made).toMatchObject({ status: 'ran', artifact: { kind: 'checkpoint' } });
  expect(await convert()).toEqual({ ...made, status: 'reused' });
  expect(await runs()).toBe(1);
  const { places, leases, jobs } = dependencies;
  expect(await left(places.scratch)).toEqual([]);
  expect(await leases.list()).toEqual([]);
  for (const jobId of await left(places.jobs)) expect((await jobs.inspect(jobId)).state).toBe('absent');
});

test('a tool that fails is tried once more, and then no more', async () => {
  const { convert } = await openHost(converter('echo out of luck; exit 3'));
  await expect(convert()).rejects.toMatchObject({ type: 'ToolFailed', retryable: true });
  await expect(convert()).rejects.toMatchObject({ type: 'AttemptsExhausted', retryable: false });
});

test('a tool that says nothing is wrong and makes something else is not believed', async () => {
  const { convert } = await openHost(converter(`echo '{}' > "$output/config.json"`));
  await expect(convert()).rejects.toMatchObject({ type: 'ToolOutputInvalid', retryable: false });
});

test('a cancelled step ends its tool, and leaves nothing on the host', async () => {
  const { dependencies, environment, convert, left, runs } = await openHost(converter('sleep 60'));
  const converting = convert();
  await until(async () => (await runs()) > 0);
  environment.cancel();
  await expect(converting).rejects.toThrow('CANCELLED');
  expect(await left(dependencies.places.scratch)).toEqual([]);
  for (const jobId of await left(dependencies.places.jobs)) {
    expect((await dependencies.jobs.inspect(jobId)).state).toBe('absent');
  }
});
