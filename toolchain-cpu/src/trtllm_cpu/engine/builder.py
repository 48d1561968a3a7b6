"""Builds rank engines from a checkpoint."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import TensorProto

from trtllm_cpu.checkpoint.layout import EMBEDDING, FINAL_NORM, LM_HEAD, layer_prefix
from trtllm_cpu.checkpoint.reader import Checkpoint
from trtllm_cpu.engine.file import EngineWriter
from trtllm_cpu.engine.graph import Graph
from trtllm_cpu.engine.llama import (
    LayerWeights,
    add_and_normalize,
    attention_inputs,
    choose_positions,
    decoder_layer,
    embed,
    whole_model,
)


def build_rank(
    checkpoint: Checkpoint, path: Path, positions: int, on_layer: Callable[[int], None] = lambda _layer: None
) -> None:
    """Write the engine file of rank 0 for sequences of up to `positions` tokens; `on_layer` is told each layer begun.

    One layer's weights are in memory at a time.
    """
    config = checkpoint.config
    shard = whole_model(config)
    with EngineWriter(path) as writer:
        graph = Graph(writer.place)
        token_ids = graph.input("token_ids", TensorProto.INT64, ["batch", "tokens"])
        inputs = attention_inputs(graph, shard, config.rotary_base, positions)
        head, branch = _embedding_and_head(graph, checkpoint, token_ids)
        residual = None
        for layer in shard.layers:
            on_layer(layer)
            values = decoder_layer(graph, layer, shard, _layer_weights(checkpoint, layer), inputs, branch, residual)
            branch, residual = values.branch, values.residual
        norm = _float32(checkpoint, FINAL_NORM)
        normalized, _ = add_and_normalize(graph, branch, residual, FINAL_NORM, norm, shard)
        graph.node("MatMul", [choose_positions(graph, normalized), head], ["logits"])
        graph.output("logits", TensorProto.FLOAT, ["chosen", config.vocab_size])
        writer.finish(graph.model())


def _embedding_and_head(graph: Graph, checkpoint: Checkpoint, token_ids: str) -> tuple[str, str]:
    """(the head's weight [hidden, vocab], the embedded tokens). Equal tables are kept once, in the head's order."""
    table = _float32(checkpoint, EMBEDDING)
    tied = checkpoint.config.share_embedding_table or np.array_equal(table, _float32(checkpoint, LM_HEAD))
    head_rows = table if tied else _float32(checkpoint, LM_HEAD)
    head = graph.weight(LM_HEAD, head_rows.T)
    embedding = head if tied else graph.weight(EMBEDDING, table)
    return head, embed(graph, token_ids, embedding, transposed=tied)


def _layer_weights(checkpoint: Checkpoint, layer: int) -> LayerWeights:
    return LayerWeights(
        norm=lambda name: _float32(checkpoint, f"{layer_prefix(layer)}.{name}.weight"),
        linear=lambda name: checkpoint.linear(layer, name),
    )


def _float32(checkpoint: Checkpoint, name: str) -> np.ndarray:
    return checkpoint.read(name).astype(np.float32)
