"""A small ONNX graph builder: nodes, and weights that a store places where the graph will find them."""

from collections.abc import Callable, Sequence

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

OPSET = 20
CONTRIB = "com.microsoft"

WeightStore = Callable[[str, np.ndarray], TensorProto]
"""Places an array somewhere and returns the initializer that points to it."""


class Graph:
    """Collects one graph. Names are given by the caller or derived from the node's count: equal calls, equal bytes."""

    def __init__(self, store: WeightStore):
        self._store = store
        self._nodes = []
        self._weights: dict[str, TensorProto] = {}
        self._inputs = []
        self._outputs = []

    def input(self, name: str, element: int, shape: Sequence[int | str]) -> str:
        """A graph input; `element` is a TensorProto type, strings in `shape` are symbolic sizes."""
        self._inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def output(self, name: str, element: int, shape: Sequence[int | str]) -> str:
        """Makes the value `name` a graph output."""
        self._outputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def weight(self, name: str, array: np.ndarray) -> str:
        """A constant, placed by the graph's store; one that the graph has already is not placed again."""
        if name not in self._weights:
            self._weights[name] = self._store(name, np.ascontiguousarray(array))
        return name

    def constant(self, name: str, array: np.ndarray) -> str:
        """A small constant in the graph itself: where shapes depend on one, the runtime looks nowhere else."""
        self._weights[name] = store_inline(name, array)
        return name

    def node(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str] = (), domain: str = "", **attributes
    ) -> str:
        """Adds a node; returns its first output's name."""
        names = list(outputs) or [f"{operator}_{len(self._nodes)}"]
        self._nodes.append(
            helper.make_node(
                operator, list(inputs), names, name=f"node_{len(self._nodes)}", domain=domain, **attributes
            )
        )
        return names[0]

    def model(self) -> ModelProto:
        """The finished model."""
        graph = helper.make_graph(self._nodes, "llama", self._inputs, self._outputs, list(self._weights.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, producer_name="trtllm_cpu", ir_version=10)


def store_inline(name: str, array: np.ndarray) -> TensorProto:
    """A weight store that keeps the bytes in the model itself: for graphs that live in memory only."""
    return numpy_helper.from_array(array, name)
