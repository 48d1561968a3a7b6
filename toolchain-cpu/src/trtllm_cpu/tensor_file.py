"""Reads one safetensors file lazily, including BF16 and F8_E4M3, which safetensors' numpy side cannot load."""

import json
import struct
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from trtllm_cpu.errors import ToolchainError

DTYPES = {
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "I8": np.dtype(np.int8),
    "U8": np.dtype(np.uint8),
}
"""safetensors' dtype names and the numpy types that stand for them."""


class TensorFile:
    """A safetensors file: its names, shapes and dtypes at once, its data mapped and read on use."""

    def __init__(self, path: Path):
        """Errors: ToolchainError where the file is missing, truncated or no safetensors file."""
        if not path.is_file():
            raise ToolchainError(f"{path} is missing; write the whole directory again")
        try:
            with safe_open(path, framework="np"):
                pass  # checks the header against the file's length
        except SafetensorError as error:
            raise ToolchainError(f"{path} is truncated or no safetensors file ({error}); write it again") from error
        with path.open("rb") as file:
            (header_bytes,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(header_bytes))
        header.pop("__metadata__", None)
        self.path = path
        self._entries = header
        self._data = np.memmap(path, mode="r", offset=8 + header_bytes) if header else np.empty(0, np.uint8)

    def names(self) -> list[str]:
        """The tensors' names, sorted."""
        return sorted(self._entries)

    def dtype(self, name: str) -> str:
        """The dtype's safetensors name, e.g. F16."""
        return self._entry(name)["dtype"]

    def shape(self, name: str) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self._entry(name)["shape"])

    def read(self, name: str) -> np.ndarray:
        """A read-only view of the mapped tensor."""
        entry = self._entry(name)
        if entry["dtype"] not in DTYPES:
            raise ToolchainError(f"{self.path}: {name} is {entry['dtype']}; supported: {', '.join(DTYPES)}")
        begin, end = entry["data_offsets"]
        return np.asarray(self._data[begin:end]).view(DTYPES[entry["dtype"]]).reshape(entry["shape"])

    def _entry(self, name: str) -> dict:
        if name not in self._entries:
            raise ToolchainError(f"{self.path}: tensor {name} is missing; write the file again")
        return self._entries[name]
