"""int8_wo (W8A16): full-precision weights on disk, converted to int8 per output channel when the engine is built."""

from collections.abc import Callable

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.engine.weights import DenseWeights
from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.quantization.format import Format, QuantizeOptions
from trtllm_cpu.quantization.full_prec import keep_weights, weight_only_tensors
from trtllm_cpu.quantization.rounding import INT8, round_blocks


def _quantization(_shape: LlamaShape, _options: QuantizeOptions) -> Quantization:
    return Quantization(quant_algo="W8A16", exclude_modules=["lm_head"])


def _load(read: Callable[[str], np.ndarray], _config: CheckpointConfig) -> DenseWeights:
    # TensorRT-LLM divides by amax/128 and clips at 127. The rounded weights run as float32: ONNX Runtime's int8 kernel
    # is fast only where it rounds the activations too, which W8A16 does not.
    rows = read("weight").astype(np.float32)
    values, scales = round_blocks(rows, block_size=rows.shape[1], largest=128, limits=INT8)
    return DenseWeights(values * scales)


INT8_WEIGHT_ONLY = Format(
    qformat="int8_wo",
    quant_algo="W8A16",
    maximum_calibration_size=0,
    quantization=_quantization,
    quantize=keep_weights,
    tensors=weight_only_tensors,
    load=_load,
    repack=False,
)
