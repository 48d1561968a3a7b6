"""The command line of run.py: every flag of v0.10.0, and which of them this toolchain refuses."""

from argparse import ArgumentParser, Namespace
from typing import Any

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.programs.generation_flags import check_sampling
from trtllm_cpu.programs.program import refuse_unsupported

SUPPORTED: dict[str, tuple[Any, str]] = {
    "max_attention_window_size": (None, "leave it out"),
    "sink_token_length": (None, "leave it out"),
    "tokenizer_type": (None, "give --tokenizer_dir with a tokenizer.json"),
    "vocab_file": (None, "give --tokenizer_dir with a tokenizer.json"),
    "num_beams": (1, "supported: 1"),
    "debug_mode": (False, "leave it out"),
    "prompt_table_path": (None, "leave it out"),
    "prompt_tasks": (None, "leave it out"),
    "lora_dir": (None, "leave it out"),
    "lora_task_uids": (None, "leave it out"),
    "num_prepend_vtokens": (None, "leave it out"),
    "run_profiling": (False, "timings on a CPU say nothing about a GPU"),
    "medusa_choices": (None, "leave it out"),
    "gpu_weights_percent": (1, "supported: 1"),
}
"""Flags with one supported value and what to do instead of another: ignoring them would be a silent downgrade."""


def check_arguments(arguments: Namespace) -> None:
    """Refuses what cannot be done. Errors: ToolchainError that names the flag."""
    refuse_unsupported(arguments, SUPPORTED)
    check_sampling(arguments)
    for name in ("max_output_len", "max_input_length", "streaming_interval"):
        if getattr(arguments, name) < 1:
            raise ToolchainError(f"--{name}: expected at least 1, got {getattr(arguments, name)}")
    if arguments.streaming and arguments.output_logits_npy is not None:
        raise ToolchainError("--output_logits_npy: not with --streaming, whose steps have no logits to store")


def create_parser() -> ArgumentParser:
    """The flags of v0.10.0 with its defaults."""
    parser = ArgumentParser(prog="run.py")
    add = parser.add_argument
    add("--max_output_len", type=int, required=True, help="most tokens of an answer")
    add("--max_attention_window_size", type=int, default=None)
    add("--sink_token_length", type=int, default=None)
    add("--log_level", type=str, default="warning")
    add("--engine_dir", type=str, default="engine_outputs")
    add("--use_py_session", default=False, action="store_true", help="accepted; there is one runtime here")
    add("--input_text", type=str, nargs="+", default=["Born in north-east France, Soyer trained as a"])
    add("--no_prompt_template", dest="use_prompt_template", default=True, action="store_false", help="Llama has none")
    add("--input_file", type=str, default=None, help="token ids (.csv, .npy), or a text a line (.txt)")
    add("--max_input_length", type=int, default=923, help="most tokens of an input")
    add("--output_csv", type=str, default=None, help="stores token ids, and nothing is printed")
    add("--output_npy", type=str, default=None, help="stores token ids, and nothing is printed")
    add("--output_logits_npy", type=str, default=None, help="for engines that gather logits")
    add("--output_log_probs_npy", type=str, default=None, help="stores the log probability of each token")
    add("--output_cum_log_probs_npy", type=str, default=None, help="stores the sum of those of each answer")
    add("--tokenizer_dir", default="gpt2", help="a Hugging Face model directory")
    add("--tokenizer_type")
    add("--vocab_file")
    add("--num_beams", type=int, default=1)
    add("--temperature", type=float, default=1.0)
    add("--top_k", type=int, default=1)
    add("--top_p", type=float, default=0.0)
    add("--length_penalty", type=float, default=1.0, help="beam search only")
    add("--repetition_penalty", type=float, default=1.0)
    add("--presence_penalty", type=float, default=0.0)
    add("--frequency_penalty", type=float, default=0.0)
    add("--early_stopping", type=int, default=1, help="beam search only")
    add("--debug_mode", default=False, action="store_true")
    add("--no_add_special_tokens", dest="add_special_tokens", default=True, action="store_false")
    add("--streaming", default=False, action="store_true")
    add("--streaming_interval", type=int, default=5, help="tokens between two lines of a stream")
    add("--prompt_table_path", type=str)
    add("--prompt_tasks")
    add("--lora_dir", type=str, default=None, nargs="+")
    add("--lora_task_uids", type=str, default=None, nargs="+")
    add("--lora_ckpt_source", type=str, default="hf", choices=["hf", "nemo"], help="LoRA only")
    add("--num_prepend_vtokens", nargs="+", type=int)
    add("--run_profiling", default=False, action="store_true")
    add("--medusa_choices", type=str, default=None)
    add("--gpu_weights_percent", default=1, type=float)
    return parser
