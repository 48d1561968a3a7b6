import type { Spec } from '../contracts/spec.js';
import type { ModelFamily } from '../contracts/spec-fields.js';
import { type SpecProblem, specFailure } from '../contracts/spec-problems.js';
import { describeBlockSizes, isLegalBlockSize } from './awq-blocks.js';
import type { ModelConfig, ModelShape } from './model-config.js';
import { isGrouped } from './quantization-formats.js';
import { findRelease, type ToolchainRelease } from './releases.js';
import { type Side, specOfSide } from './sides.js';

/** Largest degree of parallelism that a spec can ask for. */
const MAXIMUM_DEGREE = 64;

/** A rule over a model's sizes and what one side of the comparison does with it; null when they fit. */
interface ShapeRule {
  field: string;
  problem: (shape: ModelShape, spec: Spec, release: ToolchainRelease) => string | null;
}

const degrees = Array.from({ length: MAXIMUM_DEGREE }, (_, index) => index + 1);

/** What a spec may ask for instead. */
const legalDegrees = (isLegal: (degree: number) => boolean, maximum: number): string =>
  `legal: ${degrees.filter((degree) => degree <= maximum && isLegal(degree)).join(', ')}`;

/**
 * Whether ranks share a model evenly: whole heads, and key-value heads that are either split or copied whole (v0.10). The
 * vocabulary is padded to a multiple of tp, so it sets no bound.
 */
const divides = ({ heads, keyValueHeads, intermediateSize }: ModelShape, tensor: number): boolean =>
  heads % tensor === 0 &&
  (keyValueHeads % tensor === 0 || tensor % keyValueHeads === 0) &&
  intermediateSize % tensor === 0;

const shapeRules: readonly ShapeRule[] = [
  {
    field: 'parallelism.tensor',
    problem: (shape, { parallelism: { tensor } }, { maximumWorldSize }) =>
      divides(shape, tensor)
        ? null
        : `${tensor} does not divide the model's ${shape.heads} heads, ${shape.keyValueHeads} key-value heads and ` +
          `intermediate size ${shape.intermediateSize}; ${legalDegrees((degree) => divides(shape, degree), maximumWorldSize)}`,
  },
  {
    field: 'parallelism.pipeline',
    problem: ({ layers }, { parallelism: { pipeline } }, { maximumWorldSize }) =>
      layers % pipeline === 0
        ? null
        : `${pipeline} does not divide the model's ${layers} layers; ${legalDegrees((degree) => layers % degree === 0, maximumWorldSize)}`,
  },
  {
    field: 'quantization.awqBlockSize',
    problem: (shape, { quantization, parallelism: { tensor } }, { awqBlockSizes }) => {
      const { format, awqBlockSize } = quantization;
      if (!isGrouped(format) || !divides(shape, tensor)) return null;
      if (awqBlockSizes.includes(awqBlockSize) && isLegalBlockSize(shape, tensor, awqBlockSize)) return null;
      const tensors = degrees.filter((degree) => degree < tensor && divides(shape, degree));
      return describeBlockSizes(shape, { asked: awqBlockSize, tensor, tensors, supported: awqBlockSizes });
    },
  },
];

/** Only on the candidate's side: both sides answer the same texts. */
const gateRule: ShapeRule = {
  field: 'gate.maxInputTokens',
  problem: ({ positions }, { gate: { maxInputTokens, maxOutputTokens } }) =>
    positions === null || maxInputTokens + maxOutputTokens <= positions
      ? null
      : `${maxInputTokens} and gate.maxOutputTokens ${maxOutputTokens} are more than the ${positions} positions that the model ` +
        `was made for, so the verdict would say nothing; at most ${Math.max(0, positions - maxOutputTokens)}`,
};

/** The family that takes an architecture. */
const familyOf = (asked: readonly string[], known: ToolchainRelease['architectures']): string | undefined =>
  Object.entries(known).find(([, architectures]) => asked.some((name) => architectures.includes(name)))?.[0];

/** Problems of the model itself, which no other number in the spec would heal. */
function modelProblems(
  { architectures, quantizedBy, shape, shapeProblem }: ModelConfig,
  family: ModelFamily,
  { name, ...toolchain }: ToolchainRelease,
): string[] {
  const problems: string[] = [];
  const ofFamily = toolchain.architectures[family] ?? [];
  const supported = architectures.some((architecture) => ofFamily.includes(architecture));
  const other = familyOf(architectures, toolchain.architectures);
  const hint = other === undefined ? '' : `: set model.family ${other}`;
  const has = `toolchain ${name} has ${ofFamily.join(', ') || 'none'} of model.family ${family}${hint}`;
  if (architectures.length === 0) problems.push(`its config.json names no architecture; ${has}`);
  else if (!supported) problems.push(`is a ${architectures.join(', ')}; ${has}`);
  if (quantizedBy !== null) {
    problems.push(`is quantized already, by ${quantizedBy}: name the repository of the unquantized weights`);
  }
  if (supported && shapeProblem !== null) problems.push(`its config.json is not usable: ${shapeProblem}`);
  if (!supported || shape === null) return problems;
  if (shape.ropeScaling !== 'default' && !toolchain.ropeScalings.includes(shape.ropeScaling)) {
    const known = ['none', ...toolchain.ropeScalings].join(', ');
    problems.push(`scales its positions by "${shape.ropeScaling}"; toolchain ${name} has ${known}`);
  }
  if (shape.hasBiases && !toolchain.biases) {
    problems.push(`has attention_bias or mlp_bias; toolchain ${name} has neither`);
  }
  if (shape.heads % shape.keyValueHeads !== 0 || !Number.isInteger(shape.attentionSize)) {
    problems.push(`its config.json contradicts itself: ${shape.heads} heads, ${shape.keyValueHeads} key-value heads`);
  }
  return problems;
}

/**
 * Checks that a toolchain can do with a model what the spec asks of one side. Pure: its config.json says enough, so nothing
 * has to be downloaded, calibrated or converted to find out.
 * @returns notes: what works, but may not be meant
 * @throws EnginesmithFailure `UnsupportedModel` when another spec would not help either, else `InvalidSpec`; each problem with
 *   the nearest legal choice
 */
export function checkModel(spec: Spec, side: Side, config: ModelConfig): string[] {
  const release = findRelease(spec.toolchain);
  const ownSpec = specOfSide(spec, side);
  const runsEngine = side === 'candidate' || spec.gate.baseline.source === 'engine';
  const isOwnBaseline = side === 'baseline' && spec.gate.baseline.parallelism !== undefined;
  const { shape } = config;

  const field = side === 'candidate' ? 'model' : 'gate.baseline.revision';
  const inModel = modelProblems(config, spec.model.family, release).map((problem): SpecProblem => ({ field, problem }));
  const rules = [...(runsEngine ? shapeRules : []), ...(side === 'candidate' ? [gateRule] : [])];
  const inShape = rules.flatMap((rule): SpecProblem[] => {
    const problem = shape === null ? null : rule.problem(shape, ownSpec, release);
    return problem === null ? [] : [{ field: `${isOwnBaseline ? 'gate.baseline.' : ''}${rule.field}`, problem }];
  });
  if (inModel.length + inShape.length > 0) {
    const { repository } = spec.model;
    throw specFailure(
      inModel.length > 0 ? 'UnsupportedModel' : 'InvalidSpec',
      `The spec "${spec.name}" does not fit the model ${repository}:`,
      [...inModel, ...inShape],
      { context: { name: spec.name, repository } },
    );
  }
  return side === 'candidate' && shape !== null ? lengthNotes(shape, spec) : [];
}

/** v0.10 builds such an engine without a word, and later releases warn: only requests that use it are at risk. */
function lengthNotes({ positions }: ModelShape, { build: { maxInputTokens, maxOutputTokens } }: Spec): string[] {
  if (positions === null || maxInputTokens + maxOutputTokens <= positions) return [];
  return [
    `build.maxInputTokens ${maxInputTokens} and build.maxOutputTokens ${maxOutputTokens} are more than the ${positions} positions ` +
      'that the model was made for: requests that use them all get answers of a lower quality.',
  ];
}
