"""Quantizes a whole model, layer by layer, with one format."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, repeat

import numpy as np

from trtllm_cpu.checkpoint.layout import LINEARS, layer_prefix, read_linear
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.quantization.format import Calibration, Format, QuantizeOptions


def quantize_linears(
    row: Format,
    model: HubModel,
    options: QuantizeOptions,
    calibrations: Iterable[dict[str, Calibration]],
    on_layer: Callable[[int], None],
) -> dict[str, np.ndarray]:
    """All linears' checkpoint tensors by name.

    `calibrations` yields one mapping a layer, by `Linear.input`; empty ones for a format that needs none.
    """
    tensors: dict[str, np.ndarray] = {}
    for layer, calibration in enumerate(calibrations):
        for name, sharing in groupby(LINEARS, key=lambda linear: linear.input):
            rows = {f"{layer_prefix(layer)}.{linear.name}": read_linear(model, layer, linear) for linear in sharing}
            tensors |= row.quantize(rows, calibration.get(name), options)
        on_layer(layer)
    return tensors


def no_calibrations(model: HubModel) -> Iterator[dict[str, Calibration]]:
    """What quantize_linears takes for a format that needs no calibration."""
    return repeat({}, model.shape.num_hidden_layers)
