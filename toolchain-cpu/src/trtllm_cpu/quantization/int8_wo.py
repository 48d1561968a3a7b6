"""int8_wo (W8A16): int8 weights with one scale an output channel, activations as they are."""

import numpy as np

from trtllm_cpu.engine.weights import DenseWeights
from trtllm_cpu.quantization.weight_only import weight_only_format


def _run(values: np.ndarray, scales: np.ndarray) -> DenseWeights:
    # The rounded weights run as float32: ONNX Runtime's int8 kernel is fast only where it rounds the activations too,
    # which W8A16 does not.
    return DenseWeights(values * scales)


INT8_WEIGHT_ONLY = weight_only_format(qformat="int8_wo", quant_algo="W8A16", bits=8, run=_run, repack=False)
