import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import { calibrates } from './quantization-formats.js';
import { findRelease, type ToolchainRelease } from './releases.js';

interface Rule {
  field: string;
  /** What is wrong and the nearest legal choice; null when the spec is fine. */
  problem: (spec: Spec, release: ToolchainRelease) => string | null;
}

/** What the schema cannot say: fields that must fit each other and the toolchain. */
const rules: readonly Rule[] = [
  {
    field: 'gpuClass',
    problem: ({ gpuClass }, { name, release, gpuClasses }) =>
      gpuClasses.includes(gpuClass)
        ? null
        : `"${gpuClass}" is none that toolchain ${name} ${release} runs on; it runs on ${gpuClasses.join(', ')}`,
  },
  {
    field: 'quantization.format',
    problem: ({ quantization }, { name, release, formats }) =>
      formats.includes(quantization.format)
        ? null
        : `"${quantization.format}" is not in toolchain ${name} ${release}; it has ${formats.join(', ')}`,
  },
  {
    field: 'quantization.kvCache',
    problem: ({ quantization }, { name, release, kvCacheFormats }) =>
      kvCacheFormats.includes(quantization.kvCache)
        ? null
        : `"${quantization.kvCache}" is not in toolchain ${name} ${release}; it has ${kvCacheFormats.join(', ')}`,
  },
  {
    field: 'quantization.calibration',
    problem: ({ quantization }) =>
      quantization.calibration === undefined && calibrates(quantization)
        ? `is required by format ${quantization.format}: name a dataset with the columns of cnn_dailymail`
        : null,
  },
  {
    field: 'parallelism',
    problem: ({ parallelism: { tensor, pipeline } }, { name, release, maximumWorldSize }) =>
      tensor * pipeline <= maximumWorldSize
        ? null
        : `tensor × pipeline is ${tensor * pipeline}; toolchain ${name} ${release} runs at most ${maximumWorldSize}`,
  },
  {
    field: 'gate.maxInputTokens',
    problem: ({ gate, build }) =>
      gate.maxInputTokens <= build.maxInputTokens
        ? null
        : `${gate.maxInputTokens} is more than build.maxInputTokens ${build.maxInputTokens}: the engine would refuse the articles`,
  },
  {
    field: 'gate.maxOutputTokens',
    problem: ({ gate, build }) =>
      gate.maxOutputTokens <= build.maxOutputTokens
        ? null
        : `${gate.maxOutputTokens} is more than build.maxOutputTokens ${build.maxOutputTokens}: the engine would refuse the summaries`,
  },
  {
    field: 'smoke.maxTokens',
    problem: ({ smoke, build }) =>
      smoke.maxTokens <= build.maxOutputTokens
        ? null
        : `${smoke.maxTokens} is more than build.maxOutputTokens ${build.maxOutputTokens}`,
  },
];

/**
 * Checks what the schema cannot: that the spec's fields fit each other and its toolchain. Needs no server and no model.
 * @returns the toolchain's row
 * @throws EnginesmithFailure `InvalidSpec` with every field that is wrong, why, and the nearest legal choice
 */
export function checkSpec(spec: Spec): ToolchainRelease {
  const release = findRelease(spec.toolchain);
  const problems = rules.flatMap(({ field, problem }) => {
    const found = problem(spec, release);
    return found === null ? [] : [`  ${field}: ${found}`];
  });
  if (problems.length === 0) return release;
  throw new EnginesmithFailure('InvalidSpec', [`The spec "${spec.name}" cannot be built:`, ...problems].join('\n'), {
    context: { name: spec.name, problems: problems.length },
  });
}
