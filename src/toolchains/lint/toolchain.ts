import { gpusNamed } from '../gpus.js';
import { isConverted } from '../quantization-formats.js';
import { isFrom } from '../release-order.js';
import type { ToolchainRelease } from '../releases.js';
import { commandsOfSide } from '../side-commands.js';
import type { Hit, SpecRule } from './rule.js';

const notIn = (value: string, known: readonly string[], { name }: ToolchainRelease): Hit | null =>
  known.includes(value)
    ? null
    : { consequence: `"${value}" is not in toolchain ${name}; it has ${known.join(', ')}`, fix: 'name one of these' };

/** Many name the GPU where its class is asked for. */
const fixOfClass = (asked: string): string => {
  const [meant] = gpusNamed(asked);
  return meant === undefined
    ? 'name one of these, or another toolchain'
    : `write ${meant.class}, the class of ${meant.name}`;
};

/** What the toolchain has. */
export const toolchainRules: readonly SpecRule[] = [
  {
    code: 'gpu-class-not-in-toolchain',
    severity: 'error',
    stage: 'spec',
    field: 'gpuClass',
    title: 'a GPU class on which the toolchain does not run',
    why: 'No worker of that toolchain polls the queue of that class: the pipeline would wait for ever.',
    fix: 'name a class of the toolchain',
    source: 'releases.ts, the row of the toolchain',
    check: ({ gpuClass }, { name, gpuClasses }) =>
      gpuClasses.includes(gpuClass)
        ? null
        : {
            consequence: `"${gpuClass}" is none that toolchain ${name} runs on; it runs on ${gpuClasses.join(', ')}`,
            fix: fixOfClass(gpuClass),
          },
  },
  {
    code: 'format-not-in-toolchain',
    severity: 'error',
    stage: 'spec',
    field: 'quantization.format',
    title: 'a quantization format that quantize.py of the toolchain does not have',
    why: 'quantize.py would end with a usage error, after the model was downloaded.',
    fix: 'name a format of the toolchain',
    source: 'releases.ts, the row of the toolchain',
    check: ({ quantization }, release) => notIn(quantization.format, release.formats, release),
  },
  {
    code: 'kv-cache-not-in-toolchain',
    severity: 'error',
    stage: 'spec',
    field: 'quantization.kvCache',
    title: 'a KV cache format that quantize.py of the toolchain does not have',
    why: 'quantize.py would end with a usage error, after the model was downloaded.',
    fix: 'name a format of the toolchain',
    source: 'releases.ts, the row of the toolchain',
    check: ({ quantization }, release) => notIn(quantization.kvCache, release.kvCacheFormats, release),
  },
];

/** What the llama converter calls the file of GPTQ weights, the latest release first. */
const gptqFlags = [
  { from: 11, flag: '--quant_ckpt_path' },
  { from: 10, flag: '--modelopt_quant_ckpt_path' },
  { from: 9, flag: '--ammo_quant_ckpt_path' },
];

/** What comes with weights that are quantized already. */
export const convertedRules: readonly SpecRule[] = [
  {
    code: 'gptq-baseline-missing',
    severity: 'error',
    stage: 'spec',
    field: 'gate.baseline.repository',
    title: 'format int4_gptq without the repository of the unquantized model',
    why: 'A repository of GPTQ weights has nothing in half precision that they could be compared with.',
    fix: 'name the repository of the unquantized model, or use gate.baseline.source evaluations',
    source: 'Enginesmith',
    check: ({ quantization, gate: { baseline } }) =>
      isConverted(quantization.format) && baseline.source !== 'evaluations' && baseline.repository === undefined
        ? { consequence: 'is required by format int4_gptq' }
        : null,
  },
  {
    code: 'gptq-kv-cache',
    severity: 'error',
    stage: 'spec',
    field: 'quantization.kvCache',
    title: 'format int4_gptq with a quantized KV cache',
    why: 'convert_checkpoint.py calibrates no KV cache beside GPTQ weights.',
    fix: 'leave it at none',
    source: 'convert_checkpoint.py, v0.9 to v0.13',
    check: ({ quantization: { format, kvCache } }) =>
      isConverted(format) && kvCache !== 'none' ? { consequence: `${kvCache} is not possible with ${format}` } : null,
  },
  {
    code: 'gptq-of-llama-needs-file',
    severity: 'error',
    stage: 'spec',
    field: 'quantization.format',
    title: 'GPTQ weights of model.family llama, converted by v0.9 to v0.11',
    why: 'Its convert_checkpoint.py asserts a flag that names one file of weights, which no spec says: the step would fail on its GPU, after the download. Those of family qwen are converted without one.',
    fix: 'convert them outside, take the checkpoint in with `enginesmith artifacts import checkpoint` and name it as start.checkpoint',
    source: 'examples/llama/convert_checkpoint.py, v0.9 to v0.11; TensorRT-LLM issue 1581',
    check: ({ model, quantization: { format }, start }, { formats, release }) => {
      if (!isConverted(format) || !formats.includes(format)) return null;
      if (model.family !== 'llama' || start !== undefined || isFrom(release, 12)) return null;
      const flag = gptqFlags.find(({ from }) => isFrom(release, from))?.flag;
      return { consequence: `convert_checkpoint.py of ${release} wants their file as ${flag}, or fails` };
    },
  },
];

/** Runs after all others: what no other rule has said of a field. */
export const lacksFlag: SpecRule = {
  code: 'release-lacks-flag',
  severity: 'error',
  stage: 'spec',
  field: 'toolchain',
  title: 'a field that becomes a flag, or a value of one, which the release does not have',
  why: 'The argument parsers of TensorRT-LLM exit 2 on a flag that they do not know, after the steps before have run.',
  fix: 'leave the field out, or name a release that has it',
  source: 'the argument parsers of each release, src/toolchains/contracts/',
  check: (spec) => {
    const commands = [...commandsOfSide(spec, 'candidate'), ...commandsOfSide(spec, 'baseline')];
    const byField = new Map(commands.flatMap(({ unsupported }) => unsupported).map((found) => [found.field, found]));
    return [...byField.values()].map(({ field, problem }): Hit => {
      // What is so; then who can, and what to do.
      const [consequence = problem, ...fix] = problem.split('; ');
      return fix.length === 0 ? { field, consequence } : { field, consequence, fix: fix.join('; ') };
    });
  },
};
