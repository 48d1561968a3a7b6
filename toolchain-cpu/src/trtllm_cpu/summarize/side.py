"""The two that summarize.py can ask, and what is called what on each side."""

import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trtllm_cpu import logger
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.programs.generation_flags import dtype_of_flag
from trtllm_cpu.programs.launch import load_launched_engine


@dataclass(frozen=True)
class Side:
    """One side. `name` heads its texts and scores, `runtime` its times; `source` is the first line of `file`."""

    name: str
    runtime: str
    file: str
    source: str
    load: Callable[[Namespace], Engine]


def _load_engine(arguments: Namespace) -> Engine:
    return load_launched_engine(Path(arguments.engine_dir))


def _load_model(arguments: Namespace) -> Engine:
    started = time.monotonic()
    model = HubModel(Path(arguments.hf_model_dir))
    dtype = dtype_of_flag(arguments.hf_data_type)
    engine = Engine.of_model(model, arguments.max_input_length, arguments.output_len, dtype)
    logger.info(f"Load HF model takes: {time.monotonic() - started} sec")
    return engine


def engine_side(arguments: Namespace) -> Side:
    """--test_trt_llm: the engine of --engine_dir."""
    return Side("TensorRT-LLM", "TensorRT-LLM", "trtllm.out", f"Engine path: {arguments.engine_dir}", _load_engine)


def model_side(arguments: Namespace) -> Side:
    """--test_hf: the Hugging Face model of --hf_model_dir, without an engine."""
    return Side("HF", "Hugging Face", "hf.out", f"Model path: {arguments.hf_model_dir}", _load_model)
