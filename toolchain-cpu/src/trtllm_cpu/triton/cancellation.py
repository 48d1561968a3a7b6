"""Noticing that a client has gone. Triton tells nobody: it has to be asked again and again."""

import threading
from collections.abc import Callable
from typing import Self

from .backend import ResponseStream

CHECK_PERIOD_SECONDS = 0.1
"""Upstream's default of cancellation_check_period_ms."""


class CancellationWatch:
    """Calls `on_cancelled` once, from a thread of its own, if the client cancels while the block runs."""

    def __init__(self, stream: ResponseStream, on_cancelled: Callable[[], object]) -> None:
        self._stream = stream
        self._on_cancelled = on_cancelled
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cancellation")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(CHECK_PERIOD_SECONDS):
            if self._stream.is_cancelled():
                self._on_cancelled()
                return
