"""Log lines in TensorRT-LLM's shape: `[MM/DD/YYYY-HH:MM:SS] [TRT-LLM] [I] message` on stdout."""

import os
import time

_LEVELS = {"internal_error": 0, "error": 1, "warning": 2, "info": 3, "verbose": 4, "debug": 4}
_threshold = _LEVELS["info"]


def set_level(level: str) -> None:
    """Show messages up to `level`; the environment's TLLM_LOG_LEVEL wins over the flag, as upstream."""
    global _threshold
    _threshold = _LEVELS.get(os.environ.get("TLLM_LOG_LEVEL", level).lower(), _LEVELS["info"])


def _write(level: str, letter: str, message: str) -> None:
    if _LEVELS[level] <= _threshold:
        # Flushed at once: the caller follows progress through a pipe.
        print(f"[{time.strftime('%m/%d/%Y-%H:%M:%S')}] [TRT-LLM] [{letter}] {message}", flush=True)


def error(message: str) -> None:
    """An [E] line."""
    _write("error", "E", message)


def warning(message: str) -> None:
    """A [W] line."""
    _write("warning", "W", message)


def info(message: str) -> None:
    """An [I] line."""
    _write("info", "I", message)


def elapsed(since: float) -> str:
    """HH:MM:SS since a time.monotonic() reading; wraps at 24 h as upstream's strftime does."""
    return time.strftime("%H:%M:%S", time.gmtime(time.monotonic() - since))
