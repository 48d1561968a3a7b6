"""int4_wo (W4A16): int4 weights with one scale an output channel, activations as they are."""

from trtllm_cpu.engine.weights import Int4Weights
from trtllm_cpu.quantization.weight_only import weight_only_format

INT4_WEIGHT_ONLY = weight_only_format(qformat="int4_wo", quant_algo="W4A16", bits=4, run=Int4Weights, repack=True)
