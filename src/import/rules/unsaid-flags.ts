import type { ToolName } from '../../toolchains/contracts/contract.js';
import { finding } from '../findings.js';
import type { GivenFlag } from '../parse-arguments.js';
import { lineOf } from '../tool-call.js';
import type { Rule } from './context.js';

const said = ['--model_dir', '--output_dir', '--dtype', '--tp_size', '--pp_size'];

/** Where it runs, how fast, and what it prints. */
const elsewhere = ['--device', '--batch_size', '--seed', '--tokenizer_max_seq_length', '--workers', '--log_level'];

const ofConverters = new Set([
  ...said,
  ...elsewhere,
  ...[
    '--use_weight_only',
    '--weight_only_precision',
    '--per_group',
    '--group_size',
    '--int8_kv_cache',
    '--fp8_kv_cache',
  ],
  ...['--use_fp8', '--calib_dataset', '--load_by_shard', '--load_model_on_cpu', '--dataset-cache-dir'],
  // Said by what makes it no spec, or read only where no model is given.
  ...['--use_fp8_rowwise', '--quant_ckpt_path', '--modelopt_quant_ckpt_path', '--ammo_quant_ckpt_path', '--qwen_type'],
]);

/** Flags of what makes checkpoints that a spec says, or that change nothing in them. */
const sayable: Partial<Record<ToolName, ReadonlySet<string>>> = {
  'quantize.py': new Set([
    ...said,
    ...elsewhere,
    ...['--qformat', '--calib_size', '--calib_max_seq_length', '--max_seq_length', '--calib_dataset'],
    ...['--awq_block_size', '--kv_cache_dtype'],
    // Of NeMo's checkpoints only.
    ...['--calib_tp_size', '--calib_pp_size', '--decoder_type'],
  ]),
  'llama/convert_checkpoint.py': ofConverters,
  'qwen/convert_checkpoint.py': ofConverters,
};

const isDefault = ({ flag, values }: GivenFlag): boolean =>
  flag.default !== null && values.length > 0 && values[0]?.text === flag.default;

/** Whatever else a checkpoint is made with changes it, and no field of a spec says it. */
const unsaid: Rule = ({ course }) =>
  course.checkpoints.flatMap(({ tool }) =>
    [...tool.given.values()].flatMap((found) => {
      const [name] = found.flag.names;
      if (sayable[tool.tool]?.has(name) !== false || isDefault(found)) return [];
      const value = found.values[0]?.text ?? null;
      return [
        finding('flag-without-field', {
          line: found.line,
          field: name,
          message: `no field of a spec says ${found.spelling}${value === null ? '' : ` ${value}`}; it is left out`,
          fix: 'Check that the pipeline does without it.',
        }),
      ];
    }),
  );

/** Datasets that quantize.py reads by a name of its own, and no spec can. */
const otherCalibration: Rule = ({ course }) =>
  course.checkpoints.flatMap(({ tool }) => {
    const named = tool.given.get('--calib_dataset')?.values[0]?.text ?? null;
    if (named === null || /cnn_dailymail/.test(named) || /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(named)) return [];
    return [
      finding('flag-without-field', {
        line: lineOf(tool, '--calib_dataset'),
        field: '--calib_dataset',
        message: `a spec calibrates with a dataset of the Hub that has the columns of cnn_dailymail, not with ${named}; cnn_dailymail is written`,
        fix: 'Name the dataset in quantization.calibration.dataset if it is on the Hub and has them.',
      }),
    ];
  });

/** Flags that are left out of a spec. */
export const unsaidFlagRules: readonly Rule[] = [unsaid, otherCalibration];
