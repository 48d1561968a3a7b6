import type { FlagContract, ToolName } from './contract.js';

/** Flags of a program that say the same in different releases: a release has one of them. */
interface Rename {
  tool: ToolName;
  flags: readonly [string, string, ...string[]];
  /** How the value of a flag becomes another one's, where it does not stay as it is; by the flag that is to be written. */
  values?: Readonly<Record<string, string>>;
}

/** v0.9.0 to v0.13.0, oldest name first. */
const renames: readonly Rename[] = [
  {
    tool: 'trtllm-build',
    flags: ['--max_output_len', '--max_seq_len'],
    values: {
      '--max_seq_len': 'the longest input + the longest output',
      '--max_output_len': 'what --max_seq_len leaves beside --max_input_len',
    },
  },
  {
    tool: 'trtllm-build',
    flags: ['--paged_kv_cache', '--kv_cache_type'],
    values: { '--kv_cache_type': 'paged for enable', '--paged_kv_cache': 'enable for paged' },
  },
  // No path of a dataset: both say where what the Hub gives is kept.
  { tool: 'summarize.py', flags: ['--dataset_path', '--dataset_cache_dir'] },
  { tool: 'quantize.py', flags: ['--max_seq_length', '--calib_max_seq_length'] },
  {
    tool: 'llama/convert_checkpoint.py',
    flags: ['--ammo_quant_ckpt_path', '--modelopt_quant_ckpt_path', '--quant_ckpt_path'],
  },
  {
    tool: 'llama/convert_checkpoint.py',
    flags: ['--moe_tp_mode', '--moe_tp_size'],
    values: { '--moe_tp_size': 'with --moe_ep_size, so that their product is --tp_size' },
  },
  {
    tool: 'qwenvl/run.py',
    flags: ['--vit_engine_dir', '--vit_engine_path'],
    values: { '--vit_engine_path': 'the file of the plan, not its directory' },
  },
];

/** Flags that another release does without, and what to do instead of giving them. */
const retired: readonly { tool: ToolName; flags: readonly string[]; advice: string }[] = [
  { tool: 'trtllm-build', flags: ['--strongly_typed'], advice: 'Take it away: from v0.11 on every engine is.' },
  {
    tool: 'trtllm-build',
    flags: ['--tp_size', '--pp_size'],
    advice: 'Take it away: the number of ranks comes from the checkpoint.',
  },
  {
    tool: 'trtllm-build',
    flags: ['--weight_only_precision'],
    advice: 'Take it away: the format comes from the checkpoint.',
  },
  {
    tool: 'trtllm-build',
    flags: ['--multi_block_mode', '--context_fmha_fp32_acc'],
    advice:
      'Take it away: from v0.12 on it is chosen at run time (run.py, summarize.py, and the tensorrt_llm template).',
  },
  {
    tool: 'trtllm-build',
    flags: ['--use_custom_all_reduce', '--attention_qk_half_accumulation', '--use_context_fmha_for_generation'],
    advice: 'Take it away: later releases choose by themselves.',
  },
  {
    tool: 'summarize.py',
    flags: ['--dataset_dir'],
    advice: 'Take it away: v0.9 fetches cnn_dailymail from the Hub, and keeps it in --dataset_path.',
  },
  {
    tool: 'prepare_dataset.py',
    flags: ['--request-rate'],
    advice: 'Give --request_rate to gptManagerBenchmark: from v0.10 on the rate is its own.',
  },
  {
    tool: 'prepare_dataset.py',
    flags: ['--time-delay-dist'],
    advice: 'Give --enable_exp_delays to gptManagerBenchmark: from v0.10 on delays are its own.',
  },
];

/**
 * What to write for a flag that a release does not take and others do; null where nothing is known of it.
 * @param flags of the release
 */
export function adviceFor(tool: ToolName, flag: string, flags: ReadonlyMap<string, FlagContract>): string | null {
  const rename = renames.find((row) => row.tool === tool && row.flags.includes(flag));
  const instead = rename?.flags.find((name) => flags.has(name));
  if (rename !== undefined && instead !== undefined) {
    const value = rename.values?.[instead];
    return `Write ${instead}${value === undefined ? '' : `: ${value}`}.`;
  }
  return retired.find((row) => row.tool === tool && row.flags.includes(flag))?.advice ?? null;
}
