"""Cuts a whole model's checkpoint tensors into those of one rank.

Column parallel linears (attention.qkv, mlp.fc, mlp.gate) are cut by outputs, row parallel ones (attention.dense,
mlp.proj) by inputs. Which axis of a format's tensor that is shows in its shapes: the one that differs between the
whole linear and the rank's is cut, a tensor whose shapes are equal is held by every rank.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.checkpoint.layout import EMBEDDING, LINEARS, LM_HEAD, layer_prefix, linear_shape, plain_shapes
from trtllm_cpu.engine.shard import Shard
from trtllm_cpu.quantization.format import Format


def shard_plain(name: str, tensor: np.ndarray, config: CheckpointConfig, shard: Shard) -> np.ndarray:
    """One rank's part of a tensor that no format quantizes; vocabularies are filled up with zeros to an even cut."""
    shape = plain_shapes(config, shard)[name]
    if name == EMBEDDING and config.use_parallel_embedding and config.embedding_sharding_dim == 1:
        return _part(tensor, 1, shard)
    if name in (EMBEDDING, LM_HEAD) and shape != tensor.shape:
        padded = shape[0] * shard.tensor_size - tensor.shape[0]
        return _part(np.pad(tensor, ((0, padded), (0, 0))) if padded else tensor, 0, shard)
    return tensor


def layer_tensors(
    row: Format, config: CheckpointConfig, shard: Shard, linears: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """The rank's part of `linears`, whole tensors by their checkpoint names, of the layers that the rank holds.

    What belongs to a layer but to no linear is held by every rank of its stage.
    """
    owners = {f"{layer_prefix(layer)}.{linear.name}": linear.name for layer in shard.layers for linear in LINEARS}
    prefixes = tuple(f"{layer_prefix(layer)}." for layer in shard.layers)
    for name, tensor in linears.items():
        prefix, _, suffix = name.rpartition(".")
        if prefix in owners:
            linear = owners[prefix]
            whole, _ = row.tensors(linear_shape(config, linear), config)[suffix]
            part, _ = row.tensors(linear_shape(config, linear, shard), config)[suffix]
            blocks = _output_blocks(config, shard) if linear == "attention.qkv" else None
            yield name, _cut(tensor, whole, part, shard, blocks)
        elif name.startswith(prefixes):
            yield name, tensor


def _output_blocks(config: CheckpointConfig, shard: Shard) -> list[tuple[int, int, int]]:
    """Of query, key and value: (rows in the whole linear, first row of the rank's part, its rows)."""
    size, head = shard.tensor_size, config.head_size
    # Where there are fewer KV heads than ranks, neighbours hold the same one.
    first_key_value = shard.tensor_rank * config.num_key_value_heads // size
    query = (config.num_attention_heads, shard.tensor_rank * shard.heads, shard.heads)
    key_value = (config.num_key_value_heads, first_key_value, shard.key_value_heads)
    return [(heads * head, first * head, count * head) for heads, first, count in (query, key_value, key_value)]


def _cut(
    tensor: np.ndarray,
    whole: tuple[int, ...],
    part: tuple[int, ...],
    shard: Shard,
    blocks: list[tuple[int, int, int]] | None,
) -> np.ndarray:
    axes = [axis for axis, (before, after) in enumerate(zip(whole, part, strict=True)) if before != after]
    if not axes:
        return tensor
    [axis] = axes
    if blocks is None:
        return _part(tensor, axis, shard)
    # Rows may be packed: blocks count the linear's outputs, `packing` of which make one row of the tensor.
    packing = sum(rows for rows, _, _ in blocks) // whole[axis]
    starts = np.cumsum([0, *(rows for rows, _, _ in blocks[:-1])])
    picked = [
        np.arange((start + first) // packing, (start + first + count) // packing)
        for start, (_, first, count) in zip(starts, blocks, strict=True)
    ]
    return np.take(tensor, np.concatenate(picked), axis)


def _part(tensor: np.ndarray, axis: int, shard: Shard) -> np.ndarray:
    return np.ascontiguousarray(np.split(tensor, shard.tensor_size, axis)[shard.tensor_rank])
