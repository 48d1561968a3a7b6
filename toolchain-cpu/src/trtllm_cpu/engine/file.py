"""One rank's engine file: weights first, each aligned so that the runtime can map it, then the graph and a footer.

The graph's initializers are ONNX external data that point back into this file by offset: nothing is copied at load,
and processes that serve the same engine share its pages.
"""

import hashlib
import struct
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper

from trtllm_cpu.errors import ToolchainError

_MAGIC = b"TRTLLM-CPU-ENG1\n"
_FOOTER = struct.Struct("<QQ16s")
_ALIGNMENT_BYTES = 4096


class EngineWriter:
    """Writes an engine file weight by weight. Use as a context; call `finish` with the model last."""

    def __init__(self, path: Path):
        self._path = path
        self._placed: dict[bytes, tuple[int, int]] = {}

    def __enter__(self) -> "EngineWriter":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        self._file.write(_MAGIC)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def place(self, name: str, array: np.ndarray) -> TensorProto:
        """Append an array and return the initializer that points to it; equal bytes are stored once."""
        data = memoryview(array).cast("B")
        digest = hashlib.blake2b(data, digest_size=32).digest()
        if digest not in self._placed:
            self._file.write(b"\0" * (-self._file.tell() % _ALIGNMENT_BYTES))
            self._placed[digest] = (self._file.tell(), len(data))
            self._file.write(data)
        offset, length = self._placed[digest]
        tensor = TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", self._path.name), ("offset", str(offset)), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)
        return tensor

    def finish(self, model: ModelProto) -> None:
        """Append the graph and the footer that makes the file whole."""
        graph = model.SerializeToString(deterministic=True)
        offset = self._file.tell()
        self._file.write(graph)
        self._file.write(_FOOTER.pack(offset, len(graph), _MAGIC))


def read_graph(path: Path) -> bytes:
    """The serialized graph of an engine file. Errors: ToolchainError where it is missing, truncated or another file."""
    if not path.is_file():
        raise ToolchainError(f"{path} is missing; build the engine again with trtllm-build")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _FOOTER.size))
        tail = file.read(_FOOTER.size)
        if len(tail) == _FOOTER.size:
            offset, length, magic = _FOOTER.unpack(tail)
            if magic == _MAGIC and offset + length + _FOOTER.size == size:
                file.seek(offset)
                return file.read(length)
    raise ToolchainError(f"{path} is truncated or no engine of this toolchain; build it again with trtllm-build")
