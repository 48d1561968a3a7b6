import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { createCheckpoint } from '../../src/activities/checkpoint.js';
import { createActivityDependencies } from '../../src/activities/create-dependencies.js';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import type { StepOutcome } from '../../src/contracts/steps.js';
import { readConfiguration } from '../../src/platform/config.js';
import { toolPaths } from '../../src/toolchains/releases.js';
import { smol135 } from '../support/model-configs.js';
import { testAdmission } from '../support/specs.js';

const config = {
  architecture: 'LlamaForCausalLM',
  mapping: { world_size: 1, tp_size: 1, pp_size: 1 },
  quantization: { quant_algo: null },
};

/** What stands for `python3 convert_checkpoint.py … --output_dir DIRECTORY`: the last argument is where it writes. */
export const converter = (rest: string): string =>
  `#!/bin/bash\nfor output; do :; done\necho run >> "$(dirname "$0")/runs"\n${rest}\n`;

export const writeConfig = (changes: object = {}): string =>
  `echo '${JSON.stringify({ ...config, ...changes })}' > "$output/config.json"`;

const header = '{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}';

/** A safetensors file of one tensor, or its first bytes. */
export const writeWeights = (bytes = 8 + header.length + 4): string =>
  `printf '\\x${header.length.toString(16)}\\0\\0\\0\\0\\0\\0\\0${header}\\1\\2\\3\\4' | head -c ${bytes} > "$output/rank0.safetensors"`;

export const good = converter(`${writeConfig()}\n${writeWeights()}`);

interface HostOptions {
  /** What toolchain.json says otherwise, from the toolchain's root and a directory for what else there is. */
  describe?: (root: string, home: string) => Promise<object>;
  admitted?: AdmittedSpec;
  /** config.json of the model. */
  ofModel?: object;
  /** Of the worker, beside its places. */
  environment?: Record<string, string>;
}

/** A host with a toolchain of one program, and a model in its store. */
export async function openHost(
  program: string | null,
  {
    describe = async () => ({}),
    admitted = testAdmission(),
    ofModel = smol135,
    environment: variables = {},
  }: HostOptions = {},
) {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-step-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const root = join(home, 'toolchain');
  const script = toolPaths.convertLlama.replace('{toolchain}', root);
  await mkdir(dirname(script), { recursive: true });
  await writeFile(script, '');
  await mkdir(join(root, 'bin'), { recursive: true });
  if (program !== null) {
    await writeFile(join(root, 'bin/python3'), program);
    await chmod(join(root, 'bin/python3'), 0o755);
  }
  const description = {
    ...admitted.toolchain,
    // Without a program, without the system's own ones either.
    environment: { PATH: program === null ? join(root, 'bin') : [join(root, 'bin')] },
    devices: [{ index: 0, class: 'cpu', memoryBytes: 1 }],
    ...(await describe(root, home)),
  };
  await writeFile(join(root, 'toolchain.json'), JSON.stringify(description));
  const startWorker = async (): Promise<ActivityDependencies> => {
    const started = await createActivityDependencies({
      configuration: readConfiguration({
        ENGINESMITH_HOME: home,
        ENGINESMITH_CACHE: join(home, 'cache'),
        ENGINESMITH_TOOLCHAIN_ROOT: root,
        ...variables,
      }),
      client: new Client({ connection: Connection.lazy({ address: '127.0.0.1:9' }) }),
      logger: pino({ level: 'silent' }),
    });
    onTestFinished(() => started.store.close());
    return started;
  };
  const dependencies = await startWorker();
  const staging = await dependencies.store.stage('model');
  await writeFile(join(staging.directory, 'config.json'), JSON.stringify(ofModel));
  const startedAt = new Date(0).toISOString();
  const record = { attemptId: 'a', step: 'model', argv: [], environment: {}, startedAt, endedAt: startedAt };
  const { reference } = await staging.commit({
    key: 'f'.repeat(64),
    record: { ...record, host: 'host-a', toolchain: null },
  });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const step = createCheckpoint(dependencies);
  const convert = (attempt = 1): Promise<StepOutcome> => {
    Object.assign(environment.context.info, { attempt });
    return environment.run(() => step({ admitted, step: 'baseline-checkpoint', inputs: { model: reference.digest } }));
  };
  const left = async (directory: string) => readdir(directory).catch(() => []);
  const runs = async () => (await readFile(join(root, 'bin/runs'), 'utf8').catch(() => '')).split('\n').length - 1;
  return { dependencies, startWorker, environment, home, root, script, model: reference, convert, left, runs };
}
