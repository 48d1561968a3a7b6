"""Log lines of TensorRT-LLM's C++ side: `[TensorRT-LLM][ERROR] message`, errors on stderr and the rest on stdout."""

import sys


def error(message: str) -> None:
    """Shown at every level."""
    print(f"[TensorRT-LLM][ERROR] {message}", file=sys.stderr, flush=True)


def info(message: str) -> None:
    """For levels that show it."""
    print(f"[TensorRT-LLM][INFO] {message}", flush=True)
