"""One rank's engine file: weights first, each aligned so that the runtime can map it, then the graphs and an index.

The graphs' initializers are ONNX external data that point back into this file by offset: nothing is copied at load,
and processes that serve the same engine share its pages.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from onnx import ModelProto, TensorProto, helper

from trtllm_cpu.errors import ToolchainError

_MAGIC = b"TRTLLM-CPU-ENG2\n"
_FOOTER = struct.Struct("<QQ16s")
_ALIGNMENT_BYTES = 4096


class EngineWriter:
    """Writes an engine file weight by weight. Use as a context; call `finish` with the models last."""

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

    def finish(self, models: Sequence[ModelProto]) -> None:
        """Append the graphs, in the order in which they run, and the index and footer that make the file whole."""
        spans = [self._append(model.SerializeToString(deterministic=True)) for model in models]
        offset, length = self._append(json.dumps(spans).encode())
        self._file.write(_FOOTER.pack(offset, length, _MAGIC))

    def _append(self, data: bytes) -> tuple[int, int]:
        offset = self._file.tell()
        self._file.write(data)
        return offset, len(data)


def read_graphs(path: Path) -> list[bytes]:
    """The serialized graphs of an engine file, in the order in which they run.

    Errors: ToolchainError where it is missing, truncated or another file.
    """
    if not path.is_file():
        raise ToolchainError(f"{path} is missing; build the engine again with trtllm-build")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _FOOTER.size))
        tail = file.read(_FOOTER.size)
        if len(tail) == _FOOTER.size:
            offset, length, magic = _FOOTER.unpack(tail)
            if magic == _MAGIC and offset + length + _FOOTER.size == size:
                return [_read_span(file, *span) for span in json.loads(_read_span(file, offset, length))]
    raise ToolchainError(f"{path} is truncated or no engine of this toolchain; build it again with trtllm-build")


def _read_span(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
