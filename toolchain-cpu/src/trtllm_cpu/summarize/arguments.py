"""The command line of summarize.py: every flag of v0.10.0, and which of them this toolchain refuses."""

from argparse import ArgumentParser, Namespace
from typing import Any

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.programs.generation_flags import DATA_TYPES, check_sampling
from trtllm_cpu.programs.program import refuse_unsupported

TASKS = ["summarize", "summarize_long", "code_completion"]

SUPPORTED: dict[str, tuple[Any, str]] = {
    "vocab_file": (None, "give --tokenizer_dir with a tokenizer.json"),
    "eval_task": ("summarize", "supported: summarize"),
    "batch_size": (1, "supported: 1 (with more, v0.10 itself loses samples)"),
    "num_beams": (1, "supported: 1"),
    "max_attention_window_size": (None, "leave it out"),
    "sink_token_length": (None, "leave it out"),
    "debug_mode": (False, "leave it out"),
    "medusa_choices": (None, "leave it out"),
    "gpu_weights_percent": (1, "supported: 1"),
}
"""Flags with one supported value and what to do instead of another: ignoring them would be a silent downgrade."""


def check_arguments(arguments: Namespace) -> None:
    """Refuses what cannot be done. Errors: ToolchainError that names the flag."""
    refuse_unsupported(arguments, SUPPORTED)
    check_sampling(arguments)
    if not arguments.test_trt_llm and not arguments.test_hf:
        raise ToolchainError("nothing to do: give --test_trt_llm, --test_hf or both")
    if arguments.test_hf and arguments.hf_model_dir is None:
        raise ToolchainError("--hf_model_dir is missing; --test_hf runs the Hugging Face model in it")
    if arguments.tokenizer_dir is None and arguments.hf_model_dir is None:
        raise ToolchainError("--tokenizer_dir or --hf_model_dir: expected a model directory, got neither")
    for name in ("max_ite", "output_len", "max_input_length"):
        if getattr(arguments, name) < 1:
            raise ToolchainError(f"--{name}: expected at least 1, got {getattr(arguments, name)}")


def create_parser() -> ArgumentParser:
    """The flags of v0.10.0 with its defaults."""
    parser = ArgumentParser(prog="summarize.py")
    parser.add_argument("--hf_model_dir", "--model_dir", type=str, default=None)
    parser.add_argument("--tokenizer_dir", default=None, help="default: the model directory")
    parser.add_argument("--vocab_file")
    parser.add_argument("--test_hf", action="store_true", help="run the model of --hf_model_dir itself")
    parser.add_argument("--test_trt_llm", action="store_true", help="run the engine of --engine_dir")
    parser.add_argument("--hf_data_type", "--data_type", type=str, choices=DATA_TYPES, default="fp16")
    parser.add_argument("--engine_dir", type=str, default="engine_outputs")
    parser.add_argument("--use_py_session", action="store_true", help="accepted; there is one runtime here")
    parser.add_argument("--eval_task", type=str, default="summarize", choices=TASKS)
    parser.add_argument("--check_accuracy", action="store_true", help="exit 1 unless the thresholds are met")
    parser.add_argument("--tensorrt_llm_rouge1_threshold", type=float, default=15.0)
    parser.add_argument("--eval_ppl", action="store_true")
    parser.add_argument("--tensorrt_llm_ppl_threshold", type=float, default=15.0)
    parser.add_argument("--dataset_dir", type=str, default=None, help="holds ccdv/cnn_dailymail")
    parser.add_argument("--dataset_cache_dir", type=str, default=None)
    parser.add_argument("--log_level", type=str, default="info")
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--max_ite", type=int, default=20, help="how many articles")
    parser.add_argument("--output_len", type=int, default=100, help="most tokens of a summary")
    parser.add_argument("--max_input_length", type=int, default=923, help="most tokens of a prompt")
    parser.add_argument("--max_attention_window_size", type=int, default=None)
    parser.add_argument("--sink_token_length", type=int, default=None)
    parser.add_argument("--num_beams", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top_k", type=int, default=1)
    parser.add_argument("--top_p", type=float, default=0.0)
    parser.add_argument("--length_penalty", type=float, default=1.0, help="beam search only")
    parser.add_argument("--repetition_penalty", type=float, default=1.0)
    parser.add_argument("--presence_penalty", type=float, default=0.0)
    parser.add_argument("--frequency_penalty", type=float, default=0.0)
    parser.add_argument("--early_stopping", type=int, default=1, help="beam search only")
    parser.add_argument("--debug_mode", default=False, action="store_true")
    parser.add_argument("--no_add_special_tokens", dest="add_special_tokens", default=True, action="store_false")
    parser.add_argument("--hf_device_map_auto", action="store_true", help="accepted; there is one memory here")
    parser.add_argument("--output_dir", type=str, default=None, help="where trtllm.out and hf.out are written")
    parser.add_argument("--medusa_choices", type=str, default=None)
    parser.add_argument("--gpu_weights_percent", default=1, type=float)
    return parser
