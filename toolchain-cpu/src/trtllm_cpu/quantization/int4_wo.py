"""int4_wo (W4A16): full-precision weights on disk, converted to int4 per output channel when the engine is built."""

from collections.abc import Callable

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.engine.weights import Int4Weights
from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.quantization.format import Format, QuantizeOptions
from trtllm_cpu.quantization.full_prec import keep_weights, weight_only_tensors
from trtllm_cpu.quantization.rounding import INT4, round_blocks


def _quantization(_shape: LlamaShape, _options: QuantizeOptions) -> Quantization:
    return Quantization(quant_algo="W4A16", exclude_modules=["lm_head"])


def _load(read: Callable[[str], np.ndarray], _config: CheckpointConfig) -> Int4Weights:
    # TensorRT-LLM divides by amax/8 and clips at 7: the largest positive weight of a channel may be lost by one step.
    rows = read("weight").astype(np.float32)
    values, scales = round_blocks(rows, block_size=rows.shape[1], largest=8, limits=INT4)
    return Int4Weights(values=values, scales=scales)


INT4_WEIGHT_ONLY = Format(
    qformat="int4_wo",
    quant_algo="W4A16",
    maximum_calibration_size=0,
    quantization=_quantization,
    quantize=keep_weights,
    tensors=weight_only_tensors,
    load=_load,
    repack=True,
)
