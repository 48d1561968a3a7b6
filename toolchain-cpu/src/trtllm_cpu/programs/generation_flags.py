"""Flags that the programs which generate text have in common, as what they mean here."""

from argparse import Namespace

from trtllm_cpu.engine.runtime import Sampling

_SHORT_NAMES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}

DATA_TYPES = [*_SHORT_NAMES, *_SHORT_NAMES.values()]
"""What --hf_data_type takes."""


def dtype_of_flag(data_type: str) -> str:
    """The checkpoint dtype for a value of --hf_data_type."""
    return _SHORT_NAMES.get(data_type, data_type)


def sampling(arguments: Namespace) -> Sampling:
    """The engine's sampling for the flags; a --top_p of 0, the default, is no limit, as in TensorRT-LLM's runtime."""
    return Sampling(
        top_k=arguments.top_k,
        top_p=arguments.top_p or 1.0,
        temperature=arguments.temperature,
        repetition_penalty=arguments.repetition_penalty,
    )
