import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import { specFailure } from '../contracts/spec-problems.js';
import { readConfiguration } from '../platform/config.js';
import { readModelConfig } from '../platform/hub/inspect-source.js';
import { advise } from '../toolchains/advise/advise.js';
import { type FoundGpu, findGpu } from '../toolchains/advise/find-gpu.js';
import { type AdviceRequest, type Priority, priorities, USUAL_GPUS } from '../toolchains/advise/request.js';
import { problemOf } from '../toolchains/check-spec.js';
import { lintIdentity } from '../toolchains/lint/lint.js';
import { familyOf } from '../toolchains/lint/model.js';
import { type ModelConfig, parseModelConfig } from '../toolchains/model-config.js';
import { findRelease, releases } from '../toolchains/releases.js';
import { adviceText } from './advice-text.js';
import { advisedSpec } from './advised-spec.js';
import { openHub } from './open-hub.js';
import { createOutput, type OutputOptions } from './output.js';
import { readLocalModelConfig } from './read-model-config.js';

const notes = `
Reads nothing of the model but its config.json. Each choice names the rule that
made it. Without --output the spec goes to stdout and the reasons, which its
comments hold too, to stderr.

Examples:
  $ npx enginesmith advise Qwen/Qwen2-7B --gpu l20 --output qwen2-7b.yaml
  $ npx enginesmith advise /models/Qwen2-72B --gpu h100 --gpus 4 --batch 16
  $ npx enginesmith advise owner/name --gpu sm80 --priority latency --json`;

/** Bounds of the spec's own fields. */
const number =
  (maximum: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${maximum}.`);
  };

export const adviseCommand = (): Command =>
  new Command('advise')
    .description('Proposes a spec for a model and a kind of GPU, says why, and what it takes.')
    .argument('<model>', 'repository of the Hub, model directory, or config.json')
    .requiredOption('--gpu <gpu>', 'name as in l20 or a100-80, or class as in sm89')
    .option('--gpus <n>', `most GPUs that a step may have (default: ${USUAL_GPUS})`, number(64))
    .option('--batch <n>', 'requests at once (default: by priority, as fits)', number(4096))
    .option('--input-len <n>', 'tokens of the longest prompt (default: 2048)', number(1_000_000))
    .option('--output-len <n>', 'tokens of the longest answer (default: 512)', number(100_000))
    .addOption(new Option('--priority <what>', 'what comes first').choices([...priorities]).default('quality'))
    .option('--toolchain <name>', 'release whose tools will run (default: the newest)')
    .option('--revision <revision>', 'branch, tag or commit of the model', 'main')
    .option('--output <file>', 'write the spec to a new file')
    .option('--json', 'print {"spec","choices","estimate","findings","file"}')
    .addHelpText('after', notes)
    .action(adviseOn);

interface AdviseOptions extends OutputOptions {
  gpu: string;
  gpus?: number;
  batch?: number;
  inputLen?: number;
  outputLen?: number;
  priority: Priority;
  toolchain?: string;
  revision: string;
  output?: string;
}

async function adviseOn(model: string, options: AdviseOptions): Promise<void> {
  const output = createOutput(options);
  const gpu = findGpu(options.gpu);
  const release = findRelease(options.toolchain ?? releases.at(-1)?.name ?? '');
  const toolchain = release.name;
  if (!release.gpuClasses.includes(gpu.class)) {
    throw new EnginesmithFailure(
      'InvalidSpec',
      `Toolchain ${toolchain} does not run on ${gpu.name} (${gpu.class}); it runs on ${release.gpuClasses.join(', ')}.`,
    );
  }
  const { repository, config } = await readModel(model, options.revision);
  const request: AdviceRequest = {
    ...checkIdentity(config, repository, toolchain),
    repository,
    revision: options.revision,
    gpu,
    gpus: options.gpus ?? USUAL_GPUS,
    isGpuCountAsked: options.gpus !== undefined,
    priority: options.priority,
    toolchain,
    batch: options.batch,
    inputTokens: options.inputLen,
    outputTokens: options.outputLen,
  };
  const advice = advise(request);
  const heading = headingOf(request, gpu);
  const yaml = advisedSpec(advice, headingOfFile(model, request, heading));
  if (options.output !== undefined) await writeNew(options.output, yaml);
  const text = adviceText(advice, heading);
  const { input, choices, estimate, findings } = advice;
  const result = { spec: input, choices, estimate, findings, file: options.output ?? null };
  if (options.output === undefined) {
    if (!output.json) output.note(text);
    output.result(result, yaml.trimEnd());
  } else {
    output.result(result, `${text}\n\nWritten to ${options.output}: npx enginesmith validate ${options.output}`);
  }
}

const headingOf = ({ repository, gpus, priority, toolchain }: AdviceRequest, gpu: FoundGpu): string => {
  const assumed = gpu.isSmallestOfClass ? `, the smallest ${gpu.class} that is known` : '';
  return `${repository} on up to ${gpus} × ${gpu.name} (${gpu.class}, ${gpu.memoryGb} GB${assumed}), ${toolchain}, for ${priority}`;
};

function headingOfFile(model: string, { repository }: AdviceRequest, heading: string): string {
  const local = repository.startsWith(`${LOCAL_OWNER}/`)
    ? [`The repository stands for ${basename(model)} of this machine: name the one of your Hub.`]
    : [];
  return [
    heading,
    'Proposed by `enginesmith advise`; each choice names its rule. Numbers of memory are estimates.',
    ...local,
  ].join('\n');
}

/** Stands for a repository that a local directory does not name. */
const LOCAL_OWNER = 'local';

/** The name of a directory as that of a repository. */
function localRepository(place: string): string {
  const path = resolve(place);
  const name = basename(path) === 'config.json' ? basename(dirname(path)) : basename(path).replace(/\.json$/, '');
  return `${LOCAL_OWNER}/${name.replaceAll(/[^A-Za-z0-9_-]+/g, '-').replaceAll(/^[^A-Za-z0-9]+/g, '') || 'model'}`;
}

async function readModel(model: string, revision: string): Promise<{ repository: string; config: ModelConfig }> {
  if (existsSync(model)) return { repository: localRepository(model), config: await readLocalModelConfig(model) };
  if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(model) || model.includes('..')) {
    throw new EnginesmithFailure(
      'NotFound',
      `${model} is neither here nor a repository: name a directory, a config.json, or a repository "owner/name".`,
    );
  }
  const opened = await openHub(readConfiguration(process.env));
  try {
    const { commit } = await opened.hub.resolveRevision({ kind: 'model', repository: model, revision });
    const text = await readModelConfig(opened.hub, { repository: model, commit });
    return { repository: model, config: parseModelConfig(text, `${model} at ${commit.slice(0, 12)}`) };
  } finally {
    await opened.close();
  }
}

/**
 * The family that the model is of, and its sizes.
 * @throws EnginesmithFailure `UnsupportedModel` when the toolchain has no use for it
 */
function checkIdentity(
  config: ModelConfig,
  repository: string,
  toolchain: string,
): Pick<AdviceRequest, 'config' | 'family'> {
  const release = findRelease(toolchain);
  const family: Spec['model']['family'] = familyOf(config.architectures, release.architectures) ?? 'llama';
  const problems = lintIdentity(config, family, release, 'none');
  const { shape } = config;
  if (problems.length === 0 && shape !== null) return { family, config: { ...config, shape } };
  throw specFailure('UnsupportedModel', `The model ${repository} cannot be used:`, problems.map(problemOf), {
    context: { repository },
    findings: problems,
  });
}

async function writeNew(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'wx' }).catch((cause: unknown) => {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    const reason = exists ? 'it exists already' : `${cause}`;
    throw new EnginesmithFailure('NotFound', `${file} cannot be written: ${reason}. Name a new file.`, { cause });
  });
}
