import { contractOf } from './contract.js';
import { contract012 } from './v0.12.js';

/** What v0.13.0 (TensorRT-LLM at 201135e5) changed: `+` a flag that is new or takes other values, `-` one that is gone. */
export const contract013 = contractOf(
  {
    'llama/convert_checkpoint.py': `
    + --weight_only_precision [{int8,int4,int4_gptq,int4_awq}] = int8
    + --use_fp8
  `,
    'trtllm-build': `
    + --kv_cache_type {continuous,paged,disabled}
    + --paged_kv_cache TEXT
    + --builder_opt {0,1,2,3,4,5}
    + --log_level TEXT = info
    + --low_latency_gemm_plugin {fp8,disable} = disable
    + --use_fused_mlp {enable,disable} = enable
  `,
    'summarize.py': `
    + --num_return_sequences INT = 1
    + --max_attention_window_size INT...
    + --multi_block_mode TEXT = True
    + --lookahead_config TEXT
  `,
    'run.py': `
    + --multimodal_input_file TEXT
    + --num_return_sequences INT = 1
    + --max_attention_window_size INT...
    + --multi_block_mode TEXT = True
    + --lookahead_config TEXT
  `,
    'qwenvl/run.py': `
    + --vit_engine_path TEXT = plan/visual_encoder/visual_encoder_fp16.plan
    - --vit_engine_dir
    - --input_dir
  `,
    gptManagerBenchmark: `
    + --max_attention_window TEXT
    + --multi_block_mode BOOL = true
    + --executor_lookahead_config TEXT
    + --request_lookahead_config TEXT
  `,
    'launch_triton_server.py': `
    + --disable-spawn-processes
    + --multimodal_gpu0_cuda_mem_pool_bytes INT = 0
  `,
  },
  contract012,
);
