"""Writes a checkpoint directory from a Hugging Face model and a format's linears."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from trtllm_cpu import PRODUCER
from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.checkpoint.dtypes import cast
from trtllm_cpu.checkpoint.layout import plain_shapes, read_plain
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.json_file import write_json


def write_checkpoint(
    directory: Path, config: CheckpointConfig, model: HubModel, linears: dict[str, np.ndarray]
) -> None:
    """Write config.json and rank0.safetensors: `linears` under their checkpoint names, the rest from the model.

    The same inputs give the same bytes: safetensors orders tensors by dtype and name, and nothing is stamped.
    """
    directory.mkdir(parents=True, exist_ok=True)
    plain = {name: cast(read_plain(model, name), config.dtype) for name in plain_shapes(config)}
    path = directory / "rank0.safetensors"
    save_file({**plain, **linears}, path, metadata={"producer": PRODUCER})
    path.chmod(0o644)  # safetensors leaves it readable to its owner only
    write_json(directory / "config.json", config.to_json())
