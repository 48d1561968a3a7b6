"""Quantizes a whole model, layer by layer, with one format for its weights and one for its cache."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, repeat

import numpy as np

from trtllm_cpu.checkpoint.layout import LINEARS, key_value_scale_name, layer_prefix, read_linear
from trtllm_cpu.engine.kv_cache import KeyValueFormat
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.quantization.format import Format, LayerCalibration, QuantizeOptions


def quantize_layers(
    row: Format,
    key_value_format: KeyValueFormat,
    model: HubModel,
    options: QuantizeOptions,
    calibrations: Iterable[LayerCalibration],
    on_layer: Callable[[int], None],
) -> dict[str, np.ndarray]:
    """The checkpoint tensors of all linears, and the scales of a quantized cache, by name."""
    tensors: dict[str, np.ndarray] = {}
    for layer, calibration in enumerate(calibrations):
        for name, sharing in groupby(LINEARS, key=lambda linear: linear.input):
            rows = {f"{layer_prefix(layer)}.{linear.name}": read_linear(model, layer, linear) for linear in sharing}
            tensors |= row.quantize(rows, calibration.inputs.get(name), options)
        if key_value_format.largest:
            # As in TensorRT-LLM, one scale for both.
            scale = (calibration.largest_key_or_value or 1) / key_value_format.largest
            tensors[key_value_scale_name(layer)] = np.array([scale], np.float32)
        on_layer(layer)
    return tensors


def no_calibrations(model: HubModel) -> Iterator[LayerCalibration]:
    """What quantize_layers takes where neither weights nor cache need a calibration."""
    return repeat(LayerCalibration(inputs={}, largest_key_or_value=0), model.shape.num_hidden_layers)
