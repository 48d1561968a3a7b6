"""The flags of trtllm-build at v0.10.0, plugin flags included."""

from argparse import ArgumentParser

PLUGIN_TYPES = {
    "bert_attention_plugin": "float16",
    "gpt_attention_plugin": "float16",
    "gemm_plugin": None,
    "nccl_plugin": "float16",
    "lookup_plugin": None,
    "lora_plugin": None,
    "moe_plugin": "float16",
    "mamba_conv1d_plugin": "float16",
}
"""Plugins that take a dtype or `disable`, with their defaults."""

PLUGIN_SWITCHES = {
    "context_fmha": "enable",
    "context_fmha_fp32_acc": "disable",
    "paged_kv_cache": "enable",
    "remove_input_padding": "enable",
    "use_custom_all_reduce": "enable",
    "multi_block_mode": "disable",
    "enable_xqa": "enable",
    "attention_qk_half_accumulation": "disable",
    "use_paged_context_fmha": "disable",
    "use_fp8_context_fmha": "disable",
    "use_context_fmha_for_generation": "disable",
    "multiple_profiles": "disable",
    "paged_state": "enable",
    "streamingllm": "disable",
}
"""Plugin options that take enable or disable, with their defaults."""

TOKENS_PER_BLOCK = 64
LORA_MODULES = [
    *("attn_qkv", "attn_q", "attn_k", "attn_v", "attn_dense"),
    *("mlp_h_to_4h", "mlp_4h_to_h", "mlp_gate"),
    *("cross_attn_qkv", "cross_attn_q", "cross_attn_k", "cross_attn_v", "cross_attn_dense"),
]


def build_parser() -> ArgumentParser:
    """All flags of the release; which values are supported is checked after parsing."""
    parser = ArgumentParser(prog="trtllm-build")
    add = parser.add_argument
    add("--checkpoint_dir", help="directory of config.json and rank*.safetensors")
    add("--model_config")
    add("--build_config")
    add("--model_cls_file")
    add("--model_cls_name")
    # There are no kernel timings here: neither cache file is read or written.
    add("--input_timing_cache")
    add("--output_timing_cache", default="model.cache")
    add("--log_level", default="info")
    add("--profiling_verbosity", default="layer_names_only", choices=["layer_names_only", "detailed", "none"])
    add("--enable_debug_output", action="store_true")
    add("--output_dir", default="engine_outputs")
    add("--workers", type=int, default=1, help="one rank needs one; the output does not depend on it")
    add("--max_batch_size", type=int, default=1)
    add("--max_input_len", type=int, default=1024)
    add("--max_output_len", type=int, default=1024)
    add("--max_beam_width", type=int, default=1)
    add("--max_num_tokens", type=int)
    add("--opt_num_tokens", type=int)
    add("--tp_size", type=int, default=1, help="without effect: the checkpoint's mapping counts")
    add("--pp_size", type=int, default=1, help="without effect: the checkpoint's mapping counts")
    add("--max_prompt_embedding_table_size", "--max_multimodal_len", type=int, default=0)
    add("--use_fused_mlp", action="store_true")
    add("--gather_all_token_logits", action="store_true")
    add("--gather_context_logits", action="store_true")
    add("--gather_generation_logits", action="store_true")
    add("--strongly_typed", action="store_true")
    add("--builder_opt", type=int)
    add("--logits_dtype", choices=["float16", "float32"])
    add("--weight_only_precision", choices=["int8", "int4"])
    add("--weight_sparsity", action="store_true")
    add("--max_draft_len", type=int, default=0)
    add("--lora_dir", nargs="+")
    add("--lora_ckpt_source", default="hf", choices=["hf", "nemo"])
    add("--lora_target_modules", nargs="+", choices=LORA_MODULES)
    add("--max_lora_rank", type=int, default=64)
    add("--auto_parallel", type=int, default=1)
    add("--gpus_per_node", type=int, default=8)
    add("--cluster_key")
    add("--strip_plan", action="store_true")
    add("--max_encoder_input_len", type=int, default=1024)
    add("--visualize_network", action="store_true")
    add("--dry_run", action="store_true")
    add("--speculative_decoding_mode", choices=["draft_tokens_external", "medusa"])
    add("--weight_streaming", action="store_true")
    _add_plugin_flags(parser)
    return parser


def _add_plugin_flags(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("plugin_config", "recorded in the engine's config.json; no effect on a CPU")
    for name, default in PLUGIN_TYPES.items():
        group.add_argument(f"--{name}", default=default, choices=["float16", "float32", "bfloat16", "disable"])
    for name, default in PLUGIN_SWITCHES.items():
        group.add_argument(f"--{name}", default=default, choices=["enable", "disable"])
    group.add_argument("--tokens_per_block", type=int, default=TOKENS_PER_BLOCK)
