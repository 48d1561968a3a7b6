import type { Finding } from '../../contracts/finding.js';
import type { Spec } from '../../contracts/spec.js';

/** What something runs on from a release on. */
interface RunsOn {
  /** Minor number of the release. */
  fromMinor: number;
  /** Lowest compute capability × 10. */
  minimum: number;
}

/** One fact about what runs where. */
export interface SupportRow {
  code: string;
  severity: Finding['severity'];
  field: string;
  /** As it is called in messages. */
  what: string;
  asked: (spec: Spec) => boolean;
  /** Oldest release first; empty where every GPU of the releases will do. */
  runsOn: readonly RunsOn[];
  /** Compute capabilities × 10 that are left out all the same. */
  notOn: readonly number[];
  /** Architectures of models that no release lists it for. */
  notFor: readonly string[];
  instead: string;
  why: string;
  source: string;
}

const everywhere = { runsOn: [], notOn: [], notFor: [] } as const;

const withoutFp8 = 'use int4_awq, which fits small batches, or int8_sq, which fits large ones';

/** Format × architecture × release × model. What is not here runs on every GPU class that the releases run on. */
export const supportTable: readonly SupportRow[] = [
  {
    ...everywhere,
    code: 'fp8-needs-sm89',
    severity: 'error',
    field: 'quantization.format',
    what: 'format fp8',
    asked: ({ quantization }) => quantization.format === 'fp8',
    runsOn: [{ fromMinor: 9, minimum: 89 }],
    instead: withoutFp8,
    why: 'Ampere and older have no FP8 tensor cores: calibration succeeds, and the build or the first request fails.',
    source: 'TensorRT-LLM v0.9 to v0.13; issues 1428 (A100) and 1914; Model-Optimizer issue 70 (A6000)',
  },
  {
    ...everywhere,
    code: 'w4a8-awq-needs-sm89',
    severity: 'error',
    field: 'quantization.format',
    what: 'format w4a8_awq',
    asked: ({ quantization }) => quantization.format === 'w4a8_awq',
    runsOn: [{ fromMinor: 9, minimum: 89 }],
    instead: 'use int4_awq, whose activations stay in half precision',
    why: 'Its activations are FP8, which Ampere and older do not have.',
    source: 'TensorRT-LLM v0.9 to v0.13; ModelOpt, choosing quantization methods',
  },
  {
    ...everywhere,
    code: 'int4-awq-needs-sm75',
    severity: 'error',
    field: 'quantization.format',
    what: 'format int4_awq',
    asked: ({ quantization }) => quantization.format === 'int4_awq',
    runsOn: [{ fromMinor: 9, minimum: 75 }],
    instead: 'use int4_wo or int8_wo',
    why: 'The kernels for weights in groups need Turing or later.',
    source: 'the weight-only groupwise plugin, TensorRT-LLM v0.9 to v0.13',
  },
  {
    ...everywhere,
    code: 'int8-sq-not-on-volta-turing',
    severity: 'error',
    field: 'quantization.format',
    what: 'format int8_sq',
    asked: ({ quantization }) => quantization.format === 'int8_sq',
    notOn: [70, 75],
    instead: 'use int8_wo',
    why: 'The kernels of SmoothQuant are not made for these GPUs.',
    source: 'the support matrix of TensorRT-LLM v0.9 to v0.13',
  },
  {
    ...everywhere,
    code: 'fp8-kv-cache-needs-sm89',
    severity: 'error',
    field: 'quantization.kvCache',
    what: 'an FP8 KV cache',
    asked: ({ quantization }) => quantization.kvCache === 'fp8',
    runsOn: [{ fromMinor: 9, minimum: 89 }],
    instead: 'use kvCache int8, which is calibrated, or none',
    why: 'It is documented for Ada and Hopper only; elsewhere it is unsupported, whether or not an engine can be built.',
    source: 'the support matrix of TensorRT-LLM v0.9 to v0.13',
  },
  {
    ...everywhere,
    code: 'fp8-context-fmha-not-on-gpu',
    severity: 'error',
    field: 'build.fp8ContextFmha',
    what: 'context attention in FP8',
    asked: ({ build }) => build.fp8ContextFmha === true,
    runsOn: [
      { fromMinor: 9, minimum: 90 },
      { fromMinor: 12, minimum: 89 },
    ],
    instead: 'leave it out',
    why: 'The build fails on an assertion, after the calibration.',
    source: 'TensorRT-LLM v0.9 to v0.13, tensorrt_llm/builder.py and the attention plugin; issue 1914 (L20)',
  },
  {
    ...everywhere,
    code: 'mixtral-format-unlisted',
    severity: 'warning',
    field: 'quantization.format',
    what: 'a mixture of experts in this format',
    asked: ({ quantization }) => ['int8_sq', 'int4_awq', 'w4a8_awq'].includes(quantization.format),
    notFor: ['MixtralForCausalLM'],
    instead: 'use fp8, int8_wo or int4_wo, which it lists',
    why: 'The support matrix lists no example of it: calibration, export or build may fail, or the texts may be bad.',
    source: 'TensorRT-LLM, docs/source/reference/precision.md, support matrix, row Mixtral',
  },
];

/** The lowest compute capability × 10 on which a row runs with a release; null where every GPU will do. */
export function minimumOf({ runsOn }: SupportRow, isFromMinor: (minor: number) => boolean): number | null {
  return runsOn.findLast(({ fromMinor }) => isFromMinor(fromMinor))?.minimum ?? null;
}
