"""build_config of an engine's config.json from trtllm-build's flags."""

from argparse import Namespace
from typing import Any

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.programs.build_flags import PLUGIN_SWITCHES, PLUGIN_TYPES

_COPIED = (
    "max_input_len",
    "max_output_len",
    "max_batch_size",
    "max_beam_width",
    "opt_num_tokens",
    "max_prompt_embedding_table_size",
    "gather_context_logits",
    "gather_generation_logits",
    "builder_opt",
    "profiling_verbosity",
    "enable_debug_output",
    "max_draft_len",
    "weight_sparsity",
    "weight_streaming",
    "max_encoder_input_len",
    "use_fused_mlp",
)


def build_config(arguments: Namespace, checkpoint: CheckpointConfig) -> dict[str, Any]:
    """The keys of v0.10's engines, sorted; what only says how to build (dry_run, visualize_network) is none of them.

    Paths of timing caches are left out: an engine does not depend on where it was built.

    Errors: ToolchainError for lengths that are not positive, and for a kernel that does not read the cache's format.
    """
    for name in ("max_batch_size", "max_input_len", "max_output_len"):
        if getattr(arguments, name) < 1:
            raise ToolchainError(f"--{name} {getattr(arguments, name)} is not possible; give at least 1")
    values = {name: getattr(arguments, name) for name in _COPIED}
    gather_all = arguments.gather_all_token_logits
    quantization = checkpoint.quantization
    _check_paged_context(arguments, quantization)
    values |= {
        "opt_batch_size": arguments.max_batch_size,
        "max_num_tokens": arguments.max_num_tokens or arguments.max_batch_size * arguments.max_input_len,
        "gather_context_logits": arguments.gather_context_logits or gather_all,
        "gather_generation_logits": arguments.gather_generation_logits or gather_all,
        # As upstream: FP8 turns strong typing on by itself.
        "strongly_typed": arguments.strongly_typed
        or "FP8" in (quantization.quant_algo, quantization.kv_cache_quant_algo),
        "speculative_decoding_mode": 1,
        "use_refit": False,
        "input_timing_cache": None,
        "output_timing_cache": None,
        "lora_config": {
            "lora_dir": [],
            "lora_ckpt_source": arguments.lora_ckpt_source,
            "max_lora_rank": arguments.max_lora_rank,
            "lora_target_modules": [],
            "trtllm_modules_to_hf_modules": {},
        },
        "auto_parallel_config": {
            "world_size": arguments.auto_parallel,
            "gpus_per_node": arguments.gpus_per_node,
            "cluster_key": arguments.cluster_key,
        },
        "use_strip_plan": arguments.strip_plan,
        "plugin_config": _plugin_config(arguments),
    }
    return dict(sorted(values.items()))


def _check_paged_context(arguments: Namespace, quantization: Quantization) -> None:
    # As upstream, though nothing here depends on it: what builds on a CPU should build on a GPU.
    cache, weights = quantization.kv_cache_quant_algo, quantization.quant_algo
    if arguments.use_paged_context_fmha == "enable" and (cache == "INT8" or (cache == "FP8" and weights != "FP8")):
        raise ToolchainError(
            f"--use_paged_context_fmha enable does not work with a KV cache of {cache} and weights of {weights}; "
            "leave it out"
        )


def _plugin_config(arguments: Namespace) -> dict[str, Any]:
    types = {name: getattr(arguments, name) for name in PLUGIN_TYPES}
    switches = {name: getattr(arguments, name) == "enable" for name in PLUGIN_SWITCHES}
    return {
        **{name: None if value == "disable" else value for name, value in types.items()},
        **switches,
        "tokens_per_block": arguments.tokens_per_block,
    }
