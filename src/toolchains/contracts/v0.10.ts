import { contractOf } from './contract.js';
import { contract09 } from './v0.9.js';

/** What v0.10.0 (TensorRT-LLM at 9bd15f19) changed: `+` a flag that is new or takes other values, `-` one that is gone. */
export const contract010 = contractOf(
  {
    'quantize.py': `
    + --model_dir TEXT
    + --nemo_ckpt_path TEXT
    + --decoder_type {gptnext,llama} = gptnext
    + --calib_dataset TEXT = cnn_dailymail
    + --calib_tp_size INT = 1
    + --calib_pp_size INT = 1
    + --seed INT = 1234
    + --tokenizer_max_seq_length INT = 2048
    + --calib_max_seq_length INT = 512
    - --device
    - --max_seq_length
  `,
    'llama/convert_checkpoint.py': `
    + --calib_dataset TEXT = ccdv/cnn_dailymail
    + --modelopt_quant_ckpt_path TEXT
    - --ammo_quant_ckpt_path
  `,
    'qwen/convert_checkpoint.py': `
    + --qwen_type {qwen,qwen2} = qwen
    + --calib_dataset TEXT = ccdv/cnn_dailymail
  `,
    'trtllm-build': `
    + --lora_target_modules TEXT...
    + --strip_plan
    + --max_encoder_input_len INT = 1024
    + --visualize_network
    + --dry_run
    + --speculative_decoding_mode {draft_tokens_external,medusa}
    + --weight_streaming
    + --nccl_plugin {float16,float32,bfloat16,disable} = float16
    + --tokens_per_block INT = 64
  `,
    'summarize.py': `
    + --hf_data_type,--data_type {fp32,fp16,bf16,float32,float16,bfloat16} = fp16
    + --dataset_dir TEXT
    + --dataset_cache_dir TEXT
    + --gpu_weights_percent FLOAT = 1
    - --data_type
    - --dataset_path
  `,
    'run.py': `
    + --log_level TEXT = warning
    + --gpu_weights_percent FLOAT = 1
  `,
    gptManagerBenchmark: `
    + --max_attention_window INT
    + --random_seed INT = 420
    + --request_rate FLOAT
    + --enable_exp_delays BOOL = false
    + --max_prompt_len INT
    + --dump_profile BOOL
    + --gpu_weights_percent FLOAT = 1.0
  `,
    'prepare_dataset.py': `
    + --stdout
    - --request-rate
    - --time-delay-dist
  `,
  },
  contract09,
);
