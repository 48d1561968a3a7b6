"""Where the weights of a model's graph come from, as the graph takes them: float32, under their checkpoint names."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.checkpoint.dtypes import cast
from trtllm_cpu.checkpoint.layout import LINEARS, key_value_scale_name, layer_prefix, read_linear, read_plain
from trtllm_cpu.engine.llama import LayerWeights
from trtllm_cpu.engine.weights import DenseWeights, LinearWeights
from trtllm_cpu.hub_model import HubModel

_LINEARS = {linear.name: linear for linear in LINEARS}


@dataclass(frozen=True)
class WeightSource:
    """A model's configuration and readers of its weights; nothing is read before it is asked for."""

    config: CheckpointConfig
    plain: Callable[[str], np.ndarray]
    """A tensor that is no linear's, float32, by its checkpoint name."""
    linear: Callable[[int, str], LinearWeights]
    """A layer's linear by its name in layout.LINEARS."""

    def layer(self, index: int) -> LayerWeights:
        """The weights of one decoder layer."""
        return LayerWeights(
            norm=lambda name: self.plain(f"{layer_prefix(index)}.{name}.weight"),
            linear=lambda name: self.linear(index, name),
            key_value_scale=lambda: self.plain(key_value_scale_name(index)),
        )


def hub_source(model: HubModel, dtype: str) -> WeightSource:
    """The weights of a Hugging Face model, rounded to `dtype` as a loader of that type would, and widened to float32.

    Errors: ToolchainError, as a weight is read, where float16 cannot hold it.
    """

    def widened(array: np.ndarray) -> np.ndarray:
        return cast(array, dtype).astype(np.float32, copy=False)

    return WeightSource(
        config=CheckpointConfig.for_model(model.shape, dtype, share_embedding_table=model.tied_embeddings),
        plain=lambda name: widened(read_plain(model, name)),
        linear=lambda layer, name: DenseWeights(widened(read_linear(model, layer, _LINEARS[name]))),
    )
