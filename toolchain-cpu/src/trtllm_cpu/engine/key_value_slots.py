"""The keys and values of several sequences: a slot each, for all layers of a shard."""

from collections.abc import Iterator

import numpy as np
from onnxruntime import SessionIOBinding

from trtllm_cpu.engine.shard import Shard


class KeyValueSlots:
    """`count` slots of `capacity` tokens each. Pages are touched as they fill.

    Neighbouring slots are one contiguous batch: that is what lets sequences of different lengths run in one step, and
    why a slot that ends is filled from the last one.
    """

    def __init__(self, shard: Shard, count: int, capacity: int):
        shape = (count, shard.key_value_heads, capacity, shard.head_size)
        self.lengths = [0] * count
        self._buffers = {
            f"{kind}_{layer}": np.zeros(shape, shard.key_value_format.dtype)
            for layer in shard.layers
            for kind in ("key", "value")
        }

    def bind(self, binding: SessionIOBinding, names: set[str], slots: slice) -> None:
        """Binds the buffers that a graph with the inputs `names` asks for, as past and present: extended in place."""
        for name, buffer in self._named(names):
            part = buffer[slots]
            place = ("cpu", 0, part.dtype, part.shape, part.ctypes.data)
            binding.bind_input(f"past_{name}", *place)
            binding.bind_output(f"present_{name}", *place)

    def move(self, source: int, target: int) -> None:
        """Makes slot `target` hold what `source` does."""
        length = self.lengths[source]
        self.lengths[target] = length
        for buffer in self._buffers.values():
            buffer[target, :, :length] = buffer[source, :, :length]

    def _named(self, names: set[str]) -> Iterator[tuple[str, np.ndarray]]:
        return ((name, buffer) for name, buffer in self._buffers.items() if f"past_{name}" in names)
