"""Builds the graphs of a rank's part of a model: into its engine file, or wherever a weight store puts the weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto

from trtllm_cpu.checkpoint.layout import EMBEDDING, FINAL_NORM, LM_HEAD
from trtllm_cpu.checkpoint.reader import Checkpoint
from trtllm_cpu.engine.file import EngineWriter
from trtllm_cpu.engine.graph import WeightStore
from trtllm_cpu.engine.llama import (
    add_and_normalize,
    attention_block,
    choose_positions,
    embed,
    embed_own_channels,
    embed_own_tokens,
    mlp_block,
)
from trtllm_cpu.engine.segments import SegmentBuilder
from trtllm_cpu.engine.shard import Shard
from trtllm_cpu.engine.source import WeightSource

OnLayer = Callable[[int], None]


def build_rank(checkpoint: Checkpoint, rank: int, path: Path, positions: int, on_layer: OnLayer) -> None:
    """Write a rank's engine file for sequences of up to `positions` tokens; `on_layer` is told each layer begun.

    One layer's weights are in memory at a time.
    """
    source = WeightSource(
        config=checkpoint.config,
        plain=lambda name: checkpoint.read(name, rank).astype(np.float32),
        linear=lambda layer, name: checkpoint.linear(layer, name, rank),
    )
    with EngineWriter(path) as writer:
        writer.finish(build_graphs(source, checkpoint.shards[rank], writer.place, positions, on_layer))


def build_graphs(
    source: WeightSource, shard: Shard, store: WeightStore, positions: int, on_layer: OnLayer = lambda _layer: None
) -> list[ModelProto]:
    """The graphs of a shard in their order, for sequences of up to `positions` tokens; `store` takes the weights."""
    segments = SegmentBuilder(store, shard, source.config.rotary_base, positions)
    tables = _Tables(source, shard)
    if shard.is_first_stage:
        tables.embed(segments)
    else:
        segments.begin_stage()
    for layer in shard.layers:
        on_layer(layer)
        weights = source.layer(layer)
        inputs = segments.attention_inputs()
        attention = attention_block(segments.graph, layer, shard, weights, inputs, segments.branch, segments.residual)
        segments.add_up(attention.branch, attention.residual)
        mlp = mlp_block(segments.graph, layer, shard, weights, segments.branch, segments.residual)
        segments.add_up(mlp.branch, mlp.residual)
    if not shard.is_last_stage:
        return segments.end_stage()
    graph = segments.graph
    norm = source.plain(FINAL_NORM)
    normalized, _ = add_and_normalize(graph, segments.branch, segments.residual, FINAL_NORM, norm, shard)
    head = tables.head_rows()
    weight = graph.weight(LM_HEAD, head.T)
    return segments.end(graph.node("MatMul", [choose_positions(graph, normalized), weight]), len(head))


class _Tables:
    """A rank's rows of the embedding and of the head. Equal tables are stored once, in the head's order."""

    def __init__(self, source: WeightSource, shard: Shard):
        self._source = source
        self._shard = shard

    def embed(self, segments: SegmentBuilder) -> None:
        """Begins the first stage with the embedded tokens."""
        graph, config, shard = segments.graph, self._source.config, self._shard
        token_ids = graph.input("token_ids", TensorProto.INT64, ["batch", "tokens"])
        table = self._source.plain(EMBEDDING)
        shared = self._is_shared(table)
        weight = graph.weight(LM_HEAD if shared else EMBEDDING, table.T if shared else table)
        if shard.tensor_size == 1 or not config.use_parallel_embedding:
            segments.advance(embed(graph, token_ids, weight, shared), None)
            return
        first = shard.tensor_rank * table.shape[config.embedding_sharding_dim]
        if config.embedding_sharding_dim == 1:
            channels = range(first, first + table.shape[1])
            segments.add_up(embed_own_channels(graph, token_ids, weight, channels, config.hidden_size), None)
        else:
            tokens = range(first, first + len(table))
            segments.add_up(embed_own_tokens(graph, token_ids, weight, shared, tokens), None)

    def head_rows(self) -> np.ndarray:
        """The head's rows [vocabulary, hidden] of this rank."""
        config = self._source.config
        return self._source.plain(EMBEDDING if config.share_embedding_table else LM_HEAD)

    def _is_shared(self, table: np.ndarray) -> bool:
        if not self._shard.is_last_stage:
            return False
        return self._source.config.share_embedding_table or np.array_equal(table, self.head_rows())
