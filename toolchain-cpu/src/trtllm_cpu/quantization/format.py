"""What a quantization format must say about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.engine.weights import LinearWeights
from trtllm_cpu.hub_model import LlamaShape


@dataclass(frozen=True)
class QuantizeOptions:
    """What of quantize.py's flags a format may depend on."""

    dtype: str
    awq_block_size: int
    tp_size: int = 1


@dataclass(frozen=True)
class Calibration:
    """What calibration measures on one input of a layer, channel by channel.

    `rows` are activations [tokens, channels] float32, evenly spaced over all calibration tokens.
    """

    largest_magnitude: np.ndarray
    mean_magnitude: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class LayerCalibration:
    """What calibration measures on one layer."""

    inputs: Mapping[str, Calibration]
    """The inputs of its linears, by `Linear.input`."""

    largest_key_or_value: float
    """The greatest magnitude among what a cache keeps: rotated keys, and values."""


@dataclass(frozen=True)
class Format:
    """One quantization format: from Hugging Face rows to checkpoint tensors, and from those to what the engine runs."""

    qformat: str
    """The value of quantize.py --qformat."""

    quant_algo: str | None
    """quantization.quant_algo in config.json."""

    maximum_calibration_size: int | None
    """Most calibration samples the method uses; 0: it needs none; None: as many as asked for."""

    quantization: Callable[[LlamaShape, QuantizeOptions], Quantization]
    """The quantization block of config.json. Errors: ToolchainError naming a flag with its legal values."""

    quantize: Callable[[Mapping[str, np.ndarray], Calibration | None, QuantizeOptions], dict[str, np.ndarray]]
    """Checkpoint tensors `<linear>.<suffix>` of the linears (rows [outputs, inputs]) that share one input."""

    tensors: Callable[[tuple[int, int], CheckpointConfig], dict[str, tuple[tuple[int, ...], str]]]
    """Suffix → (shape, numpy dtype name) of the checkpoint tensors of a linear of shape (outputs, inputs)."""

    load: Callable[[Callable[[str], np.ndarray], CheckpointConfig], LinearWeights]
    """A linear as the engine runs it, from a reader of its checkpoint tensors by suffix."""

    repack: bool
    """Whether the runtime copies the weights into its kernels' order at load.

    Float32 weights run as fast in place, so they stay in the engine file's pages, which processes share; integer ones
    run many times slower in place.
    """

    converted: "Format | None" = None
    """The row of checkpoints in which `convert_checkpoint.py --use_weight_only` has rounded the weights already."""
