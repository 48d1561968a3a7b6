import { contractOf } from './contract.js';
import { contract010 } from './v0.10.js';

/** What v0.11.0 (TensorRT-LLM at 05316d33) changed: `+` a flag that is new or takes other values, `-` one that is gone. */
export const contract011 = contractOf(
  {
    'quantize.py': `
    + --device {cuda,cpu} = cuda
    + --num_medusa_heads INT = 4
    + --num_medusa_layers INT = 1
    + --max_draft_len INT = 63
    + --medusa_hidden_act TEXT = silu
    + --medusa_model_dir TEXT
    + --quant_medusa_head
  `,
    'llama/convert_checkpoint.py': `
    + --moe_tp_size INT = -1
    + --moe_ep_size INT = -1
    + --quant_ckpt_path TEXT
    - --modelopt_quant_ckpt_path
    - --dataset-cache-dir
    - --moe_tp_mode
  `,
    'qwen/convert_checkpoint.py': `
    + --model_dir TEXT !
    + --moe_tp_size INT = -1
    + --moe_ep_size INT = -1
    - --qwen_type
    - --vocab_size
    - --n_positions
    - --n_layer
    - --n_head
    - --n_kv_head
    - --n_embd
    - --inter_size
    - --rms_norm_eps
    - --hidden_act
    - --rotary_base
    - --rotary_scaling
    - --save_config_only
  `,
    'trtllm-build': `
    + --max_batch_size INT = 256
    + --max_output_len INT
    + --max_seq_len,--max_decoder_seq_len INT
    + --max_num_tokens INT = 8192
    + --speculative_decoding_mode {draft_tokens_external,lookahead_decoding,medusa}
    + --bert_attention_plugin {auto,float16,float32,bfloat16,int32,disable} = auto
    + --gpt_attention_plugin {auto,float16,float32,bfloat16,int32,disable} = auto
    + --gemm_plugin {auto,float16,float32,bfloat16,int32,fp8,disable} = disable
    + --gemm_swiglu_plugin {fp8,disable} = disable
    + --nccl_plugin {auto,float16,float32,bfloat16,int32,disable} = auto
    + --lookup_plugin {auto,float16,float32,bfloat16,int32,disable} = disable
    + --lora_plugin {auto,float16,float32,bfloat16,int32,disable} = disable
    + --moe_plugin {auto,float16,float32,bfloat16,int32,disable} = auto
    + --mamba_conv1d_plugin {auto,float16,float32,bfloat16,int32,disable} = auto
    + --reduce_fusion {enable,disable} = disable
    - --strongly_typed
    - --weight_only_precision
    - --attention_qk_half_accumulation
    - --use_context_fmha_for_generation
  `,
    'summarize.py': `
    + --eval_task {summarize,summarize_long,code_completion,eval_context_ppl} = summarize
    + --min_input_length INT = 0
    + --rouge_dir TEXT
    + --beam_search_diversity_rate FLOAT = 0.0
    + --random_seed INT = 0
    + --end_id INT
    + --stop_words TEXT...
    + --bad_words TEXT...
    + --no_repeat_ngram_size INT
    + --no_prompt_template
    + --streaming
    + --streaming_interval INT = 5
    + --prompt_table_path TEXT
    + --prompt_tasks TEXT
    + --lora_dir TEXT...
    + --lora_ckpt_source {hf,nemo} = hf
    + --lora_task_uids TEXT...
    + --num_prepend_vtokens INT...
    + --tokenizer_type TEXT
    + --max_tokens_in_paged_kv_cache INT
    + --kv_cache_enable_block_reuse
    + --kv_cache_free_gpu_memory_fraction FLOAT = 0.9
    + --enable_chunked_context
  `,
    'run.py': `
    + --beam_search_diversity_rate FLOAT = 0.0
    + --random_seed INT = 0
    + --end_id INT
    + --stop_words TEXT...
    + --bad_words TEXT...
    + --no_repeat_ngram_size INT
    + --log_level TEXT = info
    + --hf_model_dir,--model_dir TEXT
    + --tokenizer_dir TEXT
    + --max_tokens_in_paged_kv_cache INT
    + --kv_cache_enable_block_reuse
    + --kv_cache_free_gpu_memory_fraction FLOAT = 0.9
    + --enable_chunked_context
    + --hf_data_type,--data_type {fp32,fp16,bf16,float32,float16,bfloat16} = fp16
    + --hf_device_map_auto
  `,
    gptManagerBenchmark: `
    + --api TEXT = executor
    + --max_batch_size INT
    + --max_num_tokens INT
    + --medusa_choices TEXT
  `,
    'launch_triton_server.py': `
    + --oversubscribe
  `,
  },
  contract010,
);
