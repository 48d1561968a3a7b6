"""Opens a checkpoint directory, checked whole before anything is built from it.

Exporters differ: what means the same is taken as the same, and what would be computed otherwise is refused.
"""

from pathlib import Path

import numpy as np

from trtllm_cpu import PRODUCER, logger
from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.checkpoint.layout import (
    LINEARS,
    key_value_scale_name,
    layer_prefix,
    linear_shape,
    plain_shapes,
    stored_name,
)
from trtllm_cpu.engine.shard import Shard, shard_of_rank
from trtllm_cpu.engine.weights import LinearWeights
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.json_file import read_json
from trtllm_cpu.quantization.format import Format
from trtllm_cpu.quantization.formats import format_of_algorithm
from trtllm_cpu.quantization.weight_only import SCALE
from trtllm_cpu.tensor_file import DTYPES, TensorFile

_FACTORS = ("_factor", SCALE)
"""How the names of factors and scales end: exporters store them as any float, a single one with or without a size."""

_FLOATS = {"float32", "float16", "bfloat16"}

_SAME_BYTES = {"float8_e4m3fn": {"int8", "uint8"}, "int8": {"uint8"}}
"""What a dtype is also stored as: older exporters write e4m3 as I8, and safetensors has no type for two int4 a byte."""


class Checkpoint:
    """A checkpoint: its configuration and its ranks' tensors."""

    def __init__(self, directory: Path):
        """Errors: ToolchainError naming the file, tensor or field that is missing or has another shape than expected.

        Upstream's v0.10 only warns about a missing rank file and builds an engine of random weights; here it fails.
        """
        path = directory / "config.json"
        values = read_json(path, "--checkpoint_dir must hold a checkpoint's config.json and rank0.safetensors")
        self.config = CheckpointConfig.parse(values, str(path))
        row = format_of_algorithm(self.config.quantization.quant_algo, str(path))
        ranks = range(self.config.mapping.world_size)
        self.shards = [shard_of_rank(self.config, rank) for rank in ranks]
        """What each rank has of the model."""
        self._files = [TensorFile(directory / f"rank{rank}.safetensors") for rank in ranks]
        self.format = _stored_format(row, self._files[0])
        if "rotary_base" not in values:
            # ModelOpt leaves it out where it does not find the model's rope_theta.
            logger.warning(
                f"{path} has no rotary_base, so it is {self.config.rotary_base:g}; "
                "where the model's rope_theta is another, write that into config.json, or the engine will be wrong"
            )
        for file, shard in zip(self._files, self.shards, strict=True):
            self._check(file, shard)

    def read(self, name: str, rank: int = 0) -> np.ndarray:
        """One rank's tensor under its name in the whole model; a read-only view."""
        return self._files[rank].read(stored_name(name, self.shards[rank]))

    def linear(self, layer: int, name: str, rank: int = 0) -> LinearWeights:
        """A rank's part of one linear as the engine runs it; `name` as in layout.LINEARS."""
        prefix = f"{layer_prefix(layer)}.{name}"
        return self.format.load(lambda suffix: self.read(f"{prefix}.{suffix}", rank), self.config)

    def _check(self, file: TensorFile, shard: Shard) -> None:
        for name, (shape, dtype) in self._expected(shard).items():
            _check_tensor(file, stored_name(name, shard), shape, dtype)
        biases = [name for name in file.names() if name.endswith(".bias")]
        if biases:
            raise ToolchainError(f"{file.path}: {biases[0]} is a bias; supported: models without")

    def _expected(self, shard: Shard) -> dict[str, tuple[tuple[int, ...], str]]:
        config = self.config
        expected = {name: (shape, config.dtype) for name, shape in plain_shapes(config, shard).items()}
        for layer in shard.layers:
            for linear in LINEARS:
                shape = linear_shape(config, linear.name, shard)
                for suffix, tensor in self.format.tensors(shape, config).items():
                    expected[f"{layer_prefix(layer)}.{linear.name}.{suffix}"] = tensor
            if config.key_value_format.scaled:
                expected[key_value_scale_name(layer)] = ((1,), "float32")
        return expected


def _stored_format(row: Format, file: TensorFile) -> Format:
    """The row itself, or the one whose weights convert_checkpoint.py has rounded already.

    Errors: ToolchainError where TensorRT-LLM's own converter did: it leaves them in the order that one GPU wants.
    """
    if row.converted is None or f"{layer_prefix(0)}.{LINEARS[0].name}.{SCALE}" not in file.names():
        return row
    if file.metadata.get("producer") != PRODUCER:
        raise ToolchainError(
            f"{file.path}: its weights were rounded by another converter, in an order that depends on the GPU; "
            "convert again with this toolchain's convert_checkpoint.py or quantize.py"
        )
    return row.converted


def _check_tensor(file: TensorFile, name: str, shape: tuple[int, ...], dtype: str) -> None:
    """Errors: ToolchainError where a tensor of the file is missing, or stands for other values than expected."""
    found_shape, stored = file.shape(name), file.dtype(name)
    found = DTYPES[stored].name if stored in DTYPES else stored
    is_factor = name.endswith(_FACTORS)
    if found_shape != shape and not (is_factor and (found_shape, shape) == ((), (1,))):
        raise ToolchainError(f"{file.path}: {name} has shape {list(found_shape)}, config.json asks for {list(shape)}")
    same = {dtype} | _SAME_BYTES.get(dtype, set()) | (_FLOATS if is_factor else set())
    if found not in same:
        raise ToolchainError(f"{file.path}: {name} is {found}, expected {dtype}; convert again")
