"""Lets dataclasses take arrays as defaults, as they could up to Python 3.10.

Upstream's v0.10 models run on Python 3.10 and have such fields (tensorrt_llm_bls); later Pythons refuse defaults that
have no hash. One array still serves all instances, as it did there.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np


def install() -> None:
    """Changes `dataclasses.dataclass` for whoever imports it from now on."""
    original = dataclasses.dataclass

    def dataclass(cls: type | None = None, /, **options: Any) -> Any:
        if cls is None:
            return lambda cls: original(with_factories(cls), **options)
        return original(with_factories(cls), **options)

    dataclasses.dataclass = dataclass


def with_factories(cls: type) -> type:
    """The class, whose annotated arrays have become factories of themselves."""
    for name in inspect.get_annotations(cls):
        value = cls.__dict__.get(name)
        if isinstance(value, np.ndarray):
            setattr(cls, name, dataclasses.field(default_factory=always(value)))
    return cls


def always(value: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: value
