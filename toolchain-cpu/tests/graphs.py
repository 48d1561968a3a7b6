"""Runs a part of the engine's graph by itself."""

import numpy as np
import onnxruntime

from trtllm_cpu.engine.graph import Graph


def run_graph(graph: Graph, **inputs: np.ndarray) -> list[np.ndarray]:
    """The graph's outputs for these inputs."""
    session = onnxruntime.InferenceSession(graph.model().SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)
