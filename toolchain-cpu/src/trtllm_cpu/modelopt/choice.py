"""Which quantizer quantize.py runs. The environment says it: v0.10's flags have no place for the question."""

import os
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec

from trtllm_cpu import RELEASE
from trtllm_cpu.errors import ToolchainError

VARIABLE = "TRTLLM_CPU_QUANTIZER"
BUILT_IN = "built-in"
MODELOPT = "modelopt"
_PACKAGES = {
    "modelopt": "nvidia-modelopt",
    "torch": "torch",
    "transformers": "transformers",
    "accelerate": "accelerate",
}
"""Modules that are needed and the distributions that bring them."""


def modelopt_is_asked_for(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether ModelOpt quantizes. Being installed is not enough: equal command lines must give equal checkpoints.

    Errors: ToolchainError for another value, or where ModelOpt is asked for and not installed.
    """
    asked = environment.get(VARIABLE) or BUILT_IN
    if asked not in (BUILT_IN, MODELOPT):
        raise ToolchainError(f"{VARIABLE} is {asked}; expected {BUILT_IN} (the default) or {MODELOPT}")
    if asked == BUILT_IN:
        return False
    missing = [distribution for module, distribution in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise ToolchainError(
            f"{VARIABLE} is {MODELOPT}, but this Python lacks {', '.join(missing)}; run `pip install .[modelopt]` in "
            f"toolchain-cpu and quantize.py with that Python, or unset {VARIABLE}"
        )
    return True


def description(modelopt: bool) -> str:
    """The line that says which quantizer runs."""
    name = f"NVIDIA ModelOpt {version('nvidia-modelopt')}" if modelopt else f"trtllm_cpu {RELEASE}"
    return f"Quantizer: {name}"
