"""The flags of gptManagerBenchmark at v0.10.0, and what this toolchain refuses of them."""

from argparse import Namespace
from pathlib import Path

from trtllm_cpu.benchmark.options import Option, integer, size, switch
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.programs.program import refuse_unsupported

TITLE = "TensorRT-LLM BatchManager Benchmark"
DESCRIPTION = "TensorRT-LLM BatchManager Benchmark for GPT and GPT-like models."

NO_EFFECT = "without effect here"

OPTIONS = [
    Option("engine_dir", str, "the engine's directory"),
    Option("api", str, "gptManager or executor; one runtime serves both here", "gptManager"),
    Option("type", str, "IFB or UIFB (requests join a running batch), or V1 (they do not)", "IFB"),
    Option("dataset", str, "a workload that prepare_dataset.py wrote", ""),
    Option("output_csv", str, "file for the results: a line of names, a line of values", ""),
    Option("max_num_samples", integer, "most requests of the workload", "100000"),
    Option("beam_width", integer, "supported: 1", "1"),
    Option("warm_up", integer, "requests before the measured ones", "2"),
    Option("eos_id", integer, "the token that ends an answer; -1: every answer has its output_len", "-1"),
    Option("pad_id", integer, NO_EFFECT),
    Option("max_tokens_in_paged_kvcache", integer, "prompt and new tokens of all that run together"),
    Option("max_attention_window", integer, "most prompt and new tokens of a request"),
    Option("random_seed", integer, "seed of --enable_exp_delays", "420"),
    Option("kv_cache_free_gpu_mem_fraction", float, NO_EFFECT),
    Option("request_rate", float, "requests a second; all at once where absent or negative"),
    Option("enable_trt_overlap", switch, NO_EFFECT, "false"),
    Option("enable_exp_delays", switch, "exponentially distributed times between requests", "false"),
    Option("streaming", switch, "measure the time to each first token and between tokens", "false"),
    Option("enable_kv_cache_reuse", switch, "not supported", "false"),
    Option("enable_chunked_context", switch, "not supported", "false"),
    Option("return_context_logits", switch, "not supported", "false"),
    Option("return_generation_logits", switch, "not supported", "false"),
    Option("scheduler_policy", str, "supported: guaranteed_no_evict", "guaranteed_no_evict"),
    Option("first_batch_delay", integer, "milliseconds before the first requests are taken up"),
    Option("static_emulated_batch_size", integer, "take up so many requests at once, when all before have ended"),
    Option("static_emulated_timeout", integer, "milliseconds after which that batch may be smaller", "500"),
    Option("log_level", str, "verbose, info, warning, error or internal_error", "error"),
    Option("log_iteration_data", switch, "an info line a step", "false"),
    Option("wait_sleep", integer, NO_EFFECT, "25"),
    Option("lora_dir", str, "not supported", ""),
    Option("lora_host_cache_bytes", size, "not supported"),
    Option("lora_num_device_mod_layers", integer, "not supported"),
    Option("kv_host_cache_bytes", size, "supported: 0", "0"),
    Option("kv_dont_onboard_blocks", switch, "not supported", "false"),
    Option("exclude_input_in_output_seq", switch, NO_EFFECT),
    Option("responses_json_file", str, "file for the generated token ids", ""),
    Option("max_prompt_len", integer, "cut prompts to so many tokens"),
    Option("dump_profile", switch, "not supported"),
    Option("gpu_weights_percent", float, "supported: 1", "1.0"),
]

TYPES = ("IFB", "UIFB", "V1")
APIS = ("gptManager", "executor")
SCHEDULER_POLICIES = ("max_utilization", "guaranteed_no_evict")
LOG_LEVELS = ("internal_error", "error", "warning", "info", "verbose")
"""Each shows what those before it show."""

_SUPPORTED = {
    "beam_width": (1, "supported: 1"),
    "scheduler_policy": ("guaranteed_no_evict", "nothing that runs is ever evicted here: leave it out"),
    "enable_kv_cache_reuse": (False, "leave it out"),
    "enable_chunked_context": (False, "leave it out"),
    "return_context_logits": (False, "leave it out"),
    "return_generation_logits": (False, "leave it out"),
    "lora_dir": ("", "leave it out"),
    "lora_host_cache_bytes": (None, "leave it out"),
    "lora_num_device_mod_layers": (None, "leave it out"),
    "kv_host_cache_bytes": (0, "supported: 0"),
    "kv_dont_onboard_blocks": (False, "leave it out"),
    "dump_profile": (False, "leave it out"),
    "gpu_weights_percent": (1.0, "supported: 1"),
}
"""Flags with one supported value, and what to do instead of another: what they ask for would change the numbers."""

_LEAST = {
    "max_num_samples": 1,
    "warm_up": 0,
    "max_tokens_in_paged_kvcache": 1,
    "max_attention_window": 1,
    "first_batch_delay": 0,
    "static_emulated_batch_size": 1,
    "static_emulated_timeout": 0,
    "max_prompt_len": 1,
}


def check_flags(flags: Namespace) -> None:
    """Errors: ToolchainError, in upstream's words where it has some, for a value that is unknown or not supported."""
    if flags.type not in TYPES:
        raise ToolchainError(f"Unexpected batching type: {flags.type}")
    if flags.scheduler_policy not in SCHEDULER_POLICIES:
        raise ToolchainError(f"Unexpected scheduler policy: {flags.scheduler_policy}")
    if not 0 <= flags.gpu_weights_percent <= 1:
        raise ToolchainError(
            f"--gpu_weights_percent must be between 0.0 and 1.0 but got: {flags.gpu_weights_percent:f}"
        )
    if flags.log_level not in LOG_LEVELS:
        raise ToolchainError(f"Unexpected log level: {flags.log_level}")
    if flags.api not in APIS:
        raise ToolchainError("api parameter must be gptManager or executor")
    refuse_unsupported(flags, _SUPPORTED)
    for name, least in _LEAST.items():
        given = getattr(flags, name)
        if given is not None and given < least:
            raise ToolchainError(f"--{name}: expected at least {least}, got {given}")
    if flags.api == "executor" and flags.static_emulated_batch_size and (flags.request_rate or 0) > 0:
        raise ToolchainError("Executor benchmark doesn't support delays with emulated static batch sizes")
    for name in ("output_csv", "responses_json_file"):
        file = getattr(flags, name)
        if file and not Path(file).parent.is_dir():
            raise ToolchainError(f"--{name}: {Path(file).parent} is no directory; create it first")
