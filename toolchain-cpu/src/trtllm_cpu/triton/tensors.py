"""Reading the input tensors of one request. Every shape that holds the asked values is accepted, as upstream does."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from trtllm_cpu.errors import ToolchainError

Tensors = Mapping[str, np.ndarray]
"""Input tensors by name, with or without the leading batch dimension of one."""


class RequestError(ToolchainError):
    """A request that cannot be served as asked; its message goes to the client who sent it."""


def is_given(tensors: Tensors, name: str) -> bool:
    """Whether an optional tensor came and holds anything: preprocessing sends empty ones for what nobody asked."""
    return name in tensors and tensors[name].size > 0


def values(tensors: Tensors, name: str) -> list[Any]:
    """All values of a tensor in order; empty if it is absent."""
    return tensors[name].reshape(-1).tolist() if name in tensors else []


def scalar(tensors: Tensors, name: str, default: Any = None) -> Any:
    """The one value of a tensor, or the default if it is absent. Raises RequestError if it holds more than one."""
    if not is_given(tensors, name):
        return default
    if tensors[name].size != 1:
        raise RequestError(f"{name}: expected one value (one prompt a request), got shape {list(tensors[name].shape)}")
    return tensors[name].item()


def required_scalar(tensors: Tensors, name: str) -> Any:
    """As `scalar`, for a tensor that must be there."""
    if not is_given(tensors, name):
        raise RequestError(f"{name}: expected one value, got none")
    return scalar(tensors, name)


def decode_text(name: str, value: bytes) -> str:
    """UTF-8 text of a string tensor's element."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"{name}: expected UTF-8 text: {error}") from None
