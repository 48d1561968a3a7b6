import type { Spec } from '../contracts/spec.js';
import { type SpecProblem, specFailure } from '../contracts/spec-problems.js';
import { MAXIMUM_SHARDS, planLooks } from './looks.js';
import { calibrates } from './quantization-formats.js';
import { findRelease, type ToolchainRelease } from './releases.js';
import { commandsOfSide } from './side-commands.js';
import { worldSizeOf } from './sides.js';

interface Rule {
  field: string;
  /** What is wrong and the nearest legal choice; null when the spec is fine. */
  problem: (spec: Spec, release: ToolchainRelease) => string | null;
}

const notIn = (value: string, known: readonly string[], { name }: ToolchainRelease): string | null =>
  known.includes(value) ? null : `"${value}" is not in toolchain ${name}; it has ${known.join(', ')}`;

const tooManyRanks = (parallelism: Spec['parallelism'], { name, maximumWorldSize }: ToolchainRelease) =>
  worldSizeOf({ parallelism }) <= maximumWorldSize
    ? null
    : `tensor × pipeline is ${worldSizeOf({ parallelism })}; toolchain ${name} runs at most ${maximumWorldSize}`;

/** What the schema cannot say: fields that must fit each other and the toolchain. */
const fittingRules: readonly Rule[] = [
  {
    field: 'gpuClass',
    problem: ({ gpuClass }, { name, gpuClasses }) =>
      gpuClasses.includes(gpuClass)
        ? null
        : `"${gpuClass}" is none that toolchain ${name} runs on; it runs on ${gpuClasses.join(', ')}`,
  },
  {
    field: 'quantization.format',
    problem: ({ quantization }, release) => notIn(quantization.format, release.formats, release),
  },
  {
    field: 'quantization.kvCache',
    problem: ({ quantization }, release) => notIn(quantization.kvCache, release.kvCacheFormats, release),
  },
  {
    field: 'quantization.calibration',
    problem: ({ quantization }) => {
      const { format, kvCache, calibration } = quantization;
      if (calibration !== undefined || !calibrates(quantization)) return null;
      const by = `format ${format}${kvCache === 'none' ? '' : ` with KV cache ${kvCache}`}`;
      return `is required by ${by}: name a dataset with the columns of cnn_dailymail`;
    },
  },
  {
    field: 'quantization.gpus',
    problem: ({ quantization: { gpus } }, { name, maximumWorldSize }) =>
      gpus <= maximumWorldSize
        ? null
        : `${gpus} is more than hosts of toolchain ${name} have; at most ${maximumWorldSize}`,
  },
  {
    field: 'parallelism',
    problem: ({ parallelism }, release) => tooManyRanks(parallelism, release),
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
  {
    field: 'smoke.firstTokenWithinSeconds',
    problem: ({ smoke: { firstTokenWithinSeconds, finishWithinSeconds } }) =>
      firstTokenWithinSeconds <= finishWithinSeconds
        ? null
        : `${firstTokenWithinSeconds} is more than smoke.finishWithinSeconds ${finishWithinSeconds}: the first token comes before the last`,
  },
];

/** How the parts of the gate belong together. */
const gateRules: readonly Rule[] = [
  {
    field: 'gate.articles',
    problem: ({ gate, build }) => {
      const counts = planLooks({ gate, build }).flatMap(({ shards }) => shards.map(({ count }) => count));
      if (counts.length <= MAXIMUM_SHARDS) return null;
      const most = counts.slice(0, MAXIMUM_SHARDS).reduce((total, count) => total + count, 0);
      return (
        `${gate.articles} prompts are asked in ${counts.length} runs, which build.maxBatchSize ${build.maxBatchSize} bounds; ` +
        `at most ${MAXIMUM_SHARDS} runs: ask ${most} prompts at most, or build for larger batches`
      );
    },
  },
  {
    field: 'gate.baseline.source',
    problem: ({ gate: { baseline, dataset } }) =>
      baseline.source === 'huggingface' && dataset.kind === 'prompts'
        ? 'huggingface summarizes articles only: v0.10 has no program that asks the model itself other prompts; use engine'
        : null,
  },
  {
    field: 'gate.baseline.evaluations',
    problem: ({ gate, build }) => {
      const { source, evaluations } = gate.baseline;
      if (source !== 'evaluations') {
        return evaluations === undefined ? null : `belongs to gate.baseline.source evaluations, not to ${source}`;
      }
      if (evaluations === undefined) {
        return 'is required by gate.baseline.source evaluations: name their digests, one a shard, in order';
      }
      if (new Set(evaluations).size < evaluations.length) return 'names an evaluation twice: each shard has its own';
      const shards = planLooks({ gate, build }).flatMap((look) => look.shards);
      if (evaluations.length === shards.length) return null;
      const sizes = shards.map(({ count }) => count).join(' + ');
      return `has ${evaluations.length} digests; ${gate.articles} articles are looked at in ${shards.length} shards (${sizes}), one evaluation each`;
    },
  },
  {
    field: 'gate.baseline.revision',
    problem: ({ gate: { baseline } }) =>
      baseline.source === 'evaluations' && baseline.revision !== undefined
        ? 'belongs to gate.baseline.source engine or huggingface: evaluations that exist need no model'
        : null,
  },
  {
    field: 'gate.baseline.parallelism',
    problem: ({ gate: { baseline } }, release) => {
      if (baseline.parallelism === undefined) return null;
      if (baseline.source === 'engine') return tooManyRanks(baseline.parallelism, release);
      return `belongs to gate.baseline.source engine, not to ${baseline.source}`;
    },
  },
  ...(['perplexityIncrease', 'klDivergence', 'top1Agreement'] as const).map(
    (limit): Rule => ({
      field: `gate.limits.${limit}`,
      problem: ({ gate: { limits, baseline } }, { name, comparesEngines }) => {
        if (limits[limit] === undefined) return null;
        if (!comparesEngines) {
          return `toolchain ${name} cannot compare engines token by token; leave it out`;
        }
        return baseline.source === 'evaluations'
          ? 'compares with an engine, and gate.baseline.source evaluations has none; leave it out, or use source engine'
          : null;
      },
    }),
  ),
];

/** What the spec asks of the release's programs and they cannot do, each field once. */
function unsupportedBy(spec: Spec): SpecProblem[] {
  const commands = [...commandsOfSide(spec, 'candidate'), ...commandsOfSide(spec, 'baseline')];
  const byField = new Map(
    commands.flatMap(({ unsupported }) => unsupported).map((problem) => [problem.field, problem]),
  );
  return [...byField.values()];
}

/**
 * Checks what the schema cannot: that the spec's fields fit each other and its toolchain. Needs no server and no model.
 * @returns the toolchain's row
 * @throws EnginesmithFailure `InvalidSpec` with every field that is wrong, why, and the nearest legal choice
 */
export function checkSpec(spec: Spec): ToolchainRelease {
  const release = findRelease(spec.toolchain);
  const problems = [...fittingRules, ...gateRules].flatMap(({ field, problem }) => {
    const found = problem(spec, release);
    return found === null ? [] : [{ field, problem: found }];
  });
  const fields = new Set(problems.map(({ field }) => field));
  // What no rule has found: flags that the release does not have.
  problems.push(...unsupportedBy(spec).filter(({ field }) => !fields.has(field)));
  if (problems.length === 0) return release;
  throw specFailure('InvalidSpec', `The spec "${spec.name}" cannot be built:`, problems, {
    context: { name: spec.name },
  });
}
