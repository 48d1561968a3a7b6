"""Writes a checkpoint directory from a Hugging Face model and a format's linears: one file a rank."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from trtllm_cpu import PRODUCER
from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.checkpoint.dtypes import cast
from trtllm_cpu.checkpoint.layout import plain_shapes, read_plain, stored_name
from trtllm_cpu.checkpoint.sharding import layer_tensors, shard_plain
from trtllm_cpu.engine.shard import shard_of_rank
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.json_file import write_json
from trtllm_cpu.quantization.format import Format


def write_checkpoint(
    directory: Path, config: CheckpointConfig, model: HubModel, row: Format, linears: Mapping[str, np.ndarray]
) -> None:
    """Write config.json and rank{r}.safetensors: `linears` (of the whole model, by checkpoint name), the rest from it.

    The same inputs give the same bytes: safetensors orders tensors by dtype and name, and nothing is stamped.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for rank in range(config.mapping.world_size):
        shard = shard_of_rank(config, rank)
        tensors = {
            name: shard_plain(name, cast(read_plain(model, name), config.dtype), config, shard)
            for name in plain_shapes(config, shard)
        }
        tensors |= layer_tensors(row, config, shard, linears)
        path = directory / f"rank{rank}.safetensors"
        stored = {stored_name(name, shard): tensor for name, tensor in tensors.items()}
        save_file(stored, path, metadata={"producer": PRODUCER})
        path.chmod(0o644)  # safetensors leaves it readable to its owner only
    write_json(directory / "config.json", config.to_json())
