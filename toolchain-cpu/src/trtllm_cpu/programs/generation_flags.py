"""Flags that the programs which generate text have in common, as what they mean here."""

from argparse import Namespace

from trtllm_cpu.engine.sampling import RANGES, Sampling, runtime_limits
from trtllm_cpu.errors import ToolchainError

_SHORT_NAMES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}

DATA_TYPES = [*_SHORT_NAMES, *_SHORT_NAMES.values()]
"""What --hf_data_type takes."""


def dtype_of_flag(data_type: str) -> str:
    """The checkpoint dtype for a value of --hf_data_type."""
    return _SHORT_NAMES.get(data_type, data_type)


_PENALTIES = ("temperature", "repetition_penalty", "presence_penalty", "frequency_penalty")


def check_sampling(arguments: Namespace) -> None:
    """Errors: ToolchainError naming the flag whose value is out of range."""
    for name in ("top_k", "top_p", *_PENALTIES):
        fits, expected = RANGES[name]
        if not fits(getattr(arguments, name)):
            raise ToolchainError(f"--{name}: expected {expected}, got {getattr(arguments, name)}")


def sampling(arguments: Namespace, log_probabilities: bool = False) -> Sampling:
    """The engine's sampling for the flags."""
    top_k, top_p = runtime_limits(arguments.top_k, arguments.top_p)
    penalties = {name: getattr(arguments, name) for name in _PENALTIES}
    return Sampling(top_k=top_k, top_p=top_p, log_probabilities=log_probabilities, **penalties)
