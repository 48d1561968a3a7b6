"""Builds the graph of a whole model: into a rank's engine file, or wherever a weight store puts the weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto

from trtllm_cpu.checkpoint.layout import EMBEDDING, FINAL_NORM, LM_HEAD
from trtllm_cpu.checkpoint.reader import Checkpoint
from trtllm_cpu.engine.file import EngineWriter
from trtllm_cpu.engine.graph import Graph, WeightStore
from trtllm_cpu.engine.llama import (
    Shard,
    add_and_normalize,
    attention_inputs,
    choose_positions,
    decoder_layer,
    embed,
    whole_model,
)
from trtllm_cpu.engine.source import WeightSource

OnLayer = Callable[[int], None]


def build_rank(checkpoint: Checkpoint, path: Path, positions: int, on_layer: OnLayer) -> None:
    """Write the engine file of rank 0 for sequences of up to `positions` tokens; `on_layer` is told each layer begun.

    One layer's weights are in memory at a time. Errors: ToolchainError, before anything is written, for heads that
    attention cannot run.
    """
    shard = whole_model(checkpoint.config)
    source = WeightSource(
        config=checkpoint.config,
        plain=lambda name: checkpoint.read(name).astype(np.float32),
        linear=checkpoint.linear,
    )
    with EngineWriter(path) as writer:
        writer.finish(build_graph(source, shard, writer.place, positions, on_layer))


def build_graph(
    source: WeightSource, shard: Shard, store: WeightStore, positions: int, on_layer: OnLayer = lambda _layer: None
) -> ModelProto:
    """The graph from token ids to logits, for sequences of up to `positions` tokens; `store` takes the weights."""
    config = source.config
    graph = Graph(store)
    token_ids = graph.input("token_ids", TensorProto.INT64, ["batch", "tokens"])
    inputs = attention_inputs(graph, shard, config.rotary_base, positions, token_ids)
    head, branch = _embedding_and_head(graph, source, token_ids)
    residual = None
    for layer in shard.layers:
        on_layer(layer)
        values = decoder_layer(graph, layer, shard, source.layer(layer), inputs, branch, residual)
        branch, residual = values.branch, values.residual
    normalized, _ = add_and_normalize(graph, branch, residual, FINAL_NORM, source.plain(FINAL_NORM), shard)
    graph.node("MatMul", [choose_positions(graph, normalized), head], ["logits"])
    graph.output("logits", TensorProto.FLOAT, ["chosen", config.vocab_size])
    return graph.model()


def _embedding_and_head(graph: Graph, source: WeightSource, token_ids: str) -> tuple[str, str]:
    """(the head's weight [hidden, vocab], the embedded tokens). Equal tables are kept once, in the head's order."""
    table = source.plain(EMBEDDING)
    tied = source.config.share_embedding_table or np.array_equal(table, source.plain(LM_HEAD))
    head_rows = table if tied else source.plain(LM_HEAD)
    head = graph.weight(LM_HEAD, head_rows.T)
    embedding = head if tied else graph.weight(EMBEDDING, table)
    return head, embed(graph, token_ids, embedding, transposed=tied)
