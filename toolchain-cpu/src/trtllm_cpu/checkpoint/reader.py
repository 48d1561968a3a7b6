"""Opens a checkpoint directory, checked whole before anything is built from it."""

from pathlib import Path

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.checkpoint.layout import LINEARS, layer_prefix, linear_shape, plain_shapes
from trtllm_cpu.engine.shard import Shard, shard_of_rank
from trtllm_cpu.engine.weights import LinearWeights
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.json_file import read_json
from trtllm_cpu.quantization.formats import format_of_algorithm
from trtllm_cpu.tensor_file import DTYPES, TensorFile


class Checkpoint:
    """A checkpoint: its configuration and its ranks' tensors."""

    def __init__(self, directory: Path):
        """Errors: ToolchainError naming the file, tensor or field that is missing or has another shape than expected.

        Upstream's v0.10 only warns about a missing rank file and builds an engine of random weights; here it fails.
        """
        path = directory / "config.json"
        values = read_json(path, "--checkpoint_dir must hold a checkpoint's config.json and rank0.safetensors")
        self.config = CheckpointConfig.parse(values, str(path))
        self.format = format_of_algorithm(self.config.quantization.quant_algo, str(path))
        ranks = range(self.config.mapping.world_size)
        self.shards = [shard_of_rank(self.config, rank) for rank in ranks]
        """What each rank has of the model."""
        self._files = [TensorFile(directory / f"rank{rank}.safetensors") for rank in ranks]
        for file, shard in zip(self._files, self.shards, strict=True):
            self._check(file, shard)

    def read(self, name: str, rank: int = 0) -> np.ndarray:
        """One rank's tensor under its checkpoint name; a read-only view."""
        return self._files[rank].read(name)

    def linear(self, layer: int, name: str, rank: int = 0) -> LinearWeights:
        """A rank's part of one linear as the engine runs it; `name` as in layout.LINEARS."""
        prefix = f"{layer_prefix(layer)}.{name}"
        return self.format.load(lambda suffix: self.read(f"{prefix}.{suffix}", rank), self.config)

    def _check(self, file: TensorFile, shard: Shard) -> None:
        expected = {name: (shape, self.config.dtype) for name, shape in plain_shapes(self.config, shard).items()}
        for layer in shard.layers:
            for linear in LINEARS:
                shape = linear_shape(self.config, linear.name, shard)
                for suffix, tensor in self.format.tensors(shape, self.config).items():
                    expected[f"{layer_prefix(layer)}.{linear.name}.{suffix}"] = tensor
        for name, (shape, dtype) in expected.items():
            if file.shape(name) != shape:
                raise ToolchainError(
                    f"{file.path}: {name} has shape {list(file.shape(name))}, config.json asks for {list(shape)}"
                )
            found = DTYPES[file.dtype(name)].name if file.dtype(name) in DTYPES else file.dtype(name)
            # Older exporters store e4m3 bytes as I8; the loader views them as e4m3.
            if found != dtype and not (dtype == "float8_e4m3fn" and found == "int8"):
                raise ToolchainError(f"{file.path}: {name} is {found}, expected {dtype}; convert again")
