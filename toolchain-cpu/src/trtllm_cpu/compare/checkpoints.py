"""Two checkpoints of one model: whether their layout is the same, and how near their values are."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trtllm_cpu.checkpoint.layout import LINEARS
from trtllm_cpu.json_file import read_json
from trtllm_cpu.quantization.int4_awq import INT4_AWQ
from trtllm_cpu.quantization.rounding import unpack_output_rows
from trtllm_cpu.tensor_file import TensorFile

ABSENT = "absent"
"""Stands for the value of a key that a config.json lacks."""

_LINEAR_WEIGHTS = tuple(f".{linear.name}.weight" for linear in LINEARS)


@dataclass
class CheckpointComparison:
    """How a second checkpoint differs from a first one."""

    tensors: int = 0
    """How many tensors the first checkpoint has, over all ranks."""

    missing: list[str] = field(default_factory=list)
    """Tensors that only the first has, as `rank0: name`."""

    added: list[str] = field(default_factory=list)
    """Tensors that only the second has."""

    changed: list[str] = field(default_factory=list)
    """Tensors that have another dtype or shape in the second."""

    config: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Both values of each key of config.json that differs, the keys of its blocks as `block.key`."""

    scales: dict[str, np.ndarray] = field(default_factory=dict)
    """|second - first| / |first| of all scales, by the last part of their names, e.g. weights_scaling_factor."""

    equal_weights: float = 1.0
    """Share of the linears' stored weight values that are equal."""

    @property
    def same_layout(self) -> bool:
        """Whether the second has all tensors of the first in their dtypes and shapes."""
        return not self.missing and not self.changed


def compare_checkpoints(first: Path, second: Path) -> CheckpointComparison:
    """Compares config.json and all ranks. Errors: ToolchainError where a file is missing or broken."""
    configs = [_flat(read_json(directory / "config.json", "quantize again")) for directory in (first, second)]
    comparison = CheckpointComparison(config=dict(_differences(*configs)))
    packed = configs[0].get("quantization.quant_algo") == INT4_AWQ.quant_algo
    scales: dict[str, list[np.ndarray]] = defaultdict(list)
    equal: list[np.ndarray] = []
    for path in sorted(first.glob("rank*.safetensors")):
        files = TensorFile(path), TensorFile(second / path.name)
        for name in _common_tensors(path.stem, *files, comparison):
            values = files[0].read(name), files[1].read(name)
            if name.endswith("_scaling_factor"):
                scales[name.rpartition(".")[2]].append(_relative_difference(*values))
            elif name.endswith(_LINEAR_WEIGHTS):
                equal.append(_equal_values(*values, packed))
    comparison.scales = {kind: np.concatenate(parts) for kind, parts in sorted(scales.items())}
    comparison.equal_weights = float(np.concatenate(equal).mean()) if equal else 1.0
    return comparison


def _common_tensors(rank: str, first: TensorFile, second: TensorFile, comparison: CheckpointComparison) -> list[str]:
    """The tensors whose values can be compared; the others are noted in `comparison`."""
    names = set(first.names()), set(second.names())
    comparison.tensors += len(names[0])
    comparison.missing += [f"{rank}: {name}" for name in sorted(names[0] - names[1])]
    comparison.added += [f"{rank}: {name}" for name in sorted(names[1] - names[0])]
    common = []
    for name in sorted(names[0] & names[1]):
        kinds = [f"{file.dtype(name)} {list(file.shape(name))}" for file in (first, second)]
        if kinds[0] == kinds[1]:
            common.append(name)
        else:
            comparison.changed.append(f"{rank}: {name}: {kinds[0]}, {kinds[1]}")
    return common


def _relative_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    wide = first.astype(np.float32).ravel()
    return np.abs(second.astype(np.float32).ravel() - wide) / np.abs(wide)


def _equal_values(first: np.ndarray, second: np.ndarray, packed: bool) -> np.ndarray:
    if packed:
        first, second = unpack_output_rows(first), unpack_output_rows(second)
    # As numbers of their own type: e4m3 knows two zeros, which are equal.
    return (first == second).ravel()


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    blocks = {key: block for key, block in values.items() if isinstance(block, dict)}
    inner = {f"{key}.{name}": value for key, block in blocks.items() for name, value in block.items()}
    return {key: value for key, value in values.items() if key not in blocks} | inner


def _differences(first: dict[str, Any], second: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for key in dict.fromkeys([*first, *second]):
        values = first.get(key, ABSENT), second.get(key, ABSENT)
        if values[0] != values[1]:
            yield key, values
