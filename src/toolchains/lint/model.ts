import type { ModelFamily } from '../../contracts/spec-fields.js';
import type { ModelShape } from '../model-config.js';
import { isConverted } from '../quantization-formats.js';
import type { ToolchainRelease } from '../releases.js';
import type { Hit, IdentityRule } from './rule.js';

/** The family whose programs take an architecture; undefined where no family's do. */
export const familyOf = (asked: readonly string[], known: ToolchainRelease['architectures']): ModelFamily | undefined =>
  Object.keys(known)
    .filter((name): name is ModelFamily => name in known)
    .find((family) => asked.some((name) => known[family]?.includes(name)));

type Asked = Parameters<IdentityRule['check']>;

const isSupported = (...[{ architectures }, family, release]: Asked): boolean =>
  architectures.some((name) => (release.architectures[family] ?? []).includes(name));

/** A rule over the sizes of a model that is supported: those of another one may be called differently. */
const onShape =
  (check: (shape: ModelShape, release: ToolchainRelease) => Hit | null) =>
  (...asked: Asked): Hit | null => {
    const [{ shape }, , release] = asked;
    return shape !== null && isSupported(...asked) ? check(shape, release) : null;
  };

const nameUnquantized = 'name the repository of the unquantized weights';

/** Whether the toolchain has any use for the model. */
export const identityRules: readonly IdentityRule[] = [
  {
    code: 'model-architecture-unsupported',
    severity: 'error',
    stage: 'model',
    field: 'model',
    title: 'a model of an architecture that converter and quantize.py of the family do not take',
    why: 'The converter fails after the whole model is downloaded.',
    fix: 'name another model, family or toolchain',
    source: 'convert_checkpoint.py and quantize.py of each release',
    check: (...asked) => {
      if (isSupported(...asked)) return null;
      const [{ architectures }, family, { name, architectures: known }] = asked;
      const other = familyOf(architectures, known);
      const has = `toolchain ${name} has ${(known[family] ?? []).join(', ') || 'none'} of model.family ${family}`;
      const is =
        architectures.length === 0 ? 'its config.json names no architecture' : `is a ${architectures.join(', ')}`;
      return { consequence: `${is}; ${has}`, ...(other === undefined ? {} : { fix: `set model.family ${other}` }) };
    },
  },
  {
    code: 'model-quantized-already',
    severity: 'error',
    stage: 'model',
    field: 'model',
    title: 'weights that are quantized already',
    why: 'quantize.py and the converters expect weights in half precision; they would quantize a second time, or fail.',
    fix: nameUnquantized,
    source: 'quantization_config in config.json (Transformers)',
    check: ({ quantizedBy }, _family, _release, format) =>
      quantizedBy === null || (isConverted(format) && quantizedBy === 'gptq')
        ? null
        : { consequence: `is quantized already, by ${quantizedBy}` },
  },
  {
    code: 'model-not-gptq',
    severity: 'error',
    stage: 'model',
    field: 'model',
    title: 'format int4_gptq and a model that GPTQ has not quantized',
    why: 'convert_checkpoint.py takes GPTQ’s weights as they are, and makes none.',
    fix: 'name the repository of the GPTQ weights, or use int4_awq',
    source: 'convert_checkpoint.py --weight_only_precision int4_gptq, v0.9 to v0.13',
    check: ({ quantizedBy }, _family, _release, format) =>
      isConverted(format) && quantizedBy === null ? { consequence: 'its weights are not quantized' } : null,
  },
  {
    code: 'model-sizes-missing',
    severity: 'error',
    stage: 'model',
    field: 'model',
    title: 'a config.json without the sizes of its architecture, or with impossible ones',
    why: 'Nothing can be checked or converted.',
    fix: 'name a repository or revision whose config.json is complete',
    source: 'config.json (Transformers)',
    check: (...asked) => {
      const [{ shapeProblem }] = asked;
      if (shapeProblem === null || !isSupported(...asked)) return null;
      return { consequence: `its config.json is not usable: ${shapeProblem}` };
    },
  },
  {
    code: 'model-rope-scaling-unsupported',
    severity: 'error',
    stage: 'model',
    field: 'model',
    title: 'a scaling of positions that the engines do not compute',
    why: 'The engine would answer long requests wrongly, or the converter fails.',
    fix: 'name another model or toolchain',
    source:
      'tensorrt_llm/layers/attention.py of each release; llama3 from v0.12 on (TensorRT-LLM issues 2080 and 2105)',
    check: onShape(({ ropeScaling }, { name, ropeScalings }) =>
      ropeScaling === 'default' || ropeScalings.includes(ropeScaling)
        ? null
        : {
            consequence: `scales its positions by "${ropeScaling}"; toolchain ${name} has ${['none', ...ropeScalings].join(', ')}`,
          },
    ),
  },
  {
    code: 'model-biases-unsupported',
    severity: 'error',
    stage: 'model',
    field: 'model',
    title: 'biases in linear layers where the toolchain has none',
    why: 'The converter would leave them out, and the engine would be another model.',
    fix: 'name another model or toolchain',
    source: 'the CPU toolchain',
    check: onShape(({ hasBiases }, { name, biases }) =>
      hasBiases && !biases ? { consequence: `has attention_bias or mlp_bias; toolchain ${name} has neither` } : null,
    ),
  },
  {
    code: 'model-contradicts-itself',
    severity: 'error',
    stage: 'model',
    field: 'model',
    title: 'sizes that do not go together',
    why: 'No program can load such a model.',
    fix: 'name a repository or revision whose config.json is right',
    source: 'config.json (Transformers)',
    check: onShape(({ heads, keyValueHeads, headSize, hiddenSize }) =>
      heads % keyValueHeads !== 0 || !Number.isInteger(headSize)
        ? {
            consequence: `its config.json contradicts itself: hidden size ${hiddenSize}, ${heads} heads, ${keyValueHeads} key-value heads`,
          }
        : null,
    ),
  },
];
