import { type Checkpoint, isSplitKnown, worldSizeOf } from '../course.js';
import { finding } from '../findings.js';
import { hintsAbove } from '../section-hints.js';
import { isGiven, lineOf, numberOf } from '../tool-call.js';
import type { Rule } from './context.js';

/** ModelOpt's guide asks for 128 to 512 samples. */
const FEWEST_SAMPLES = 128;

const isWeightOnly = ({ format }: Checkpoint): boolean => format === 'int4_wo' || format === 'int8_wo';

const uselessCalibration: Rule = ({ course }) =>
  course.checkpoints.flatMap((checkpoint) =>
    checkpoint.tool.tool === 'quantize.py' && isWeightOnly(checkpoint) && checkpoint.kvCache === 'fp8'
      ? [
          finding('calibration-without-effect', {
            line: lineOf(checkpoint.tool, '--kv_cache_dtype'),
            field: '--kv_cache_dtype',
            message: `${checkpoint.format} needs no calibration, and the scales of an FP8 KV cache are all set to 1.0 when the engine is built: the calibration costs GPU time and changes nothing; the weights stay 16-bit in this checkpoint and become integers at the build`,
            fix: 'Keep the FP8 KV cache with as few samples as possible, take int8 for it, or leave it out.',
          }),
        ]
      : [],
  );

/** AWQ takes at most 32 samples, whatever it is told. */
const fewSamples: Rule = ({ course }) =>
  course.checkpoints.flatMap(({ tool, format, kvCache }) => {
    const samples = numberOf(tool, '--calib_size');
    const calibratesWeights = format === 'fp8' || format === 'int8_sq' || kvCache === 'int8';
    if (tool.tool !== 'quantize.py' || !calibratesWeights || samples === null || samples >= FEWEST_SAMPLES) return [];
    return [
      finding('few-calibration-samples', {
        line: lineOf(tool, '--calib_size'),
        field: '--calib_size',
        message: `${samples} samples are few: ModelOpt's guide asks for ${FEWEST_SAMPLES} to 512`,
        fix: 'Calibrate with more, or let the gate show that so few are enough.',
      }),
    ];
  });

const otherRecipe: Rule = ({ course }) =>
  course.checkpoints.flatMap(({ tool, format }) =>
    tool.tool === 'quantize.py' || format === 'none' || format === 'int4_gptq' || format === null
      ? []
      : [
          finding('checkpoint-from-another-recipe', {
            line: tool.call.line,
            field: 'quantization.format',
            message: `the converter quantizes here; the spec says ${format}, which quantize.py makes by a recipe of its own`,
            fix: 'Compare both by the gate.',
          }),
        ],
  );

const announcedParallelism: Rule = ({ course, page }) =>
  course.checkpoints.flatMap((checkpoint) => {
    const { tensor } = hintsAbove(page, checkpoint.tool.call.line);
    if (tensor === null || !isSplitKnown(checkpoint) || tensor.size === checkpoint.tensor) return [];
    return [
      finding('announced-parallelism', {
        line: lineOf(checkpoint.tool, '--tp_size'),
        field: '--tp_size',
        message: `the text announces tensor parallelism ${tensor.size} (line ${tensor.line}), and the checkpoint is made for ${checkpoint.tensor}`,
        fix: `Set it to ${tensor.size} here: the build and the launch follow the checkpoint.`,
      }),
    ];
  });

const parallelismAtBuild: Rule = ({ course }) =>
  course.engines.flatMap((engine) => {
    const flag = ['--tp_size', '--pp_size'].find((name) => isGiven(engine.tool, name));
    if (flag === undefined || !isSplitKnown(engine.checkpoint)) return [];
    const asked = (numberOf(engine.tool, '--tp_size') ?? 1) * (numberOf(engine.tool, '--pp_size') ?? 1);
    const ranks = worldSizeOf(engine);
    const but = asked === ranks ? '' : `, which is for ${ranks}, not ${asked}`;
    return [
      finding('parallelism-at-build', {
        line: lineOf(engine.tool, flag),
        field: flag,
        message: `trtllm-build takes the number of ranks from the checkpoint${but}; ${flag} does nothing, and from v0.12 on it is refused`,
        fix: 'Take it away; say it when the checkpoint is made.',
      }),
    ];
  });

const unmade: Rule = ({ course }) =>
  course.unmade.map(({ kind, path, line }) =>
    kind === 'checkpoint'
      ? finding('checkpoint-never-made', {
          line,
          field: '--checkpoint_dir',
          message: `nothing before this line makes the checkpoint ${path}, so no spec says what it is`,
          fix: 'Add the call of quantize.py or convert_checkpoint.py that makes it.',
        })
      : finding('engine-never-built', {
          line,
          field: 'engine_dir',
          message: `nothing before this line builds the engine ${path}`,
          fix: 'Name the directory that trtllm-build writes, or add the build.',
        }),
  );

/** What a spec says otherwise than the script, or cannot say at all. */
const doubts: Rule = ({ course }) => [
  ...course.checkpoints.flatMap((checkpoint) => [
    ...checkpoint.obstacles,
    ...checkpoint.doubts.flatMap(({ finding: found }) => found ?? []),
  ]),
  ...course.engines.flatMap((engine) => engine.doubts.flatMap(({ finding: found }) => found ?? [])),
];

/** Checkpoints, and engines built from them. */
export const quantizeRules: readonly Rule[] = [
  uselessCalibration,
  fewSamples,
  otherRecipe,
  doubts,
  announcedParallelism,
  parallelismAtBuild,
  unmade,
];
