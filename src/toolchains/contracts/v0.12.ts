import { contractOf } from './contract.js';
import { contract011 } from './v0.11.js';

/** What v0.12.0 (TensorRT-LLM at 28fb9aac) changed: `+` a flag that is new or takes other values, `-` one that is gone. */
export const contract012 = contractOf(
  {
    'llama/convert_checkpoint.py': `
    + --multiple_of INT
    + --ffn_dim_multiplier FLOAT
    + --fp8_kv_cache
    + --use_fp8_rowwise
    + --remove_duplicated_kv_heads
    + --log_level TEXT = info
  `,
    'qwen/convert_checkpoint.py': `
    - --dataset-cache-dir
  `,
    'trtllm-build': `
    + --builder_force_num_profiles INT
    + --speculative_decoding_mode {draft_tokens_external,lookahead_decoding,medusa,explicit_draft_tokens}
    + --fast_build
    + --fp8_rowwise_gemm_plugin {auto,float16,float32,bfloat16,int32,disable} = disable
    + --bert_context_fmha_fp32_acc {enable,disable} = disable
    - --max_output_len
    - --tp_size
    - --pp_size
    - --context_fmha_fp32_acc
    - --use_custom_all_reduce
    - --multi_block_mode
  `,
    'summarize.py': `
    + --multi_block_mode
    + --enable_context_fmha_fp32_acc
    + --return_all_generated_tokens
  `,
    'run.py': `
    + --multi_block_mode
    + --enable_context_fmha_fp32_acc
    + --return_all_generated_tokens
  `,
    gptManagerBenchmark: `
    + --engine_dir,--decoder_engine_dir TEXT
    + --sink_token_len INT
    + --concurrency INT
    + --multi_block_mode BOOL = false
    + --encoder_engine_dir TEXT
    + --enable_context_fmha_fp32_acc BOOL = false
  `,
    'prepare_dataset.py token-unif-dist': `
    + --num-requests INT !
    + --input-min INT !
    + --input-max INT !
    + --output-min INT !
    + --output-max INT !
  `,
  },
  contract011,
);
