"""Notices that a process of another rank has died, which MPI itself does not: its calls would wait for ever."""

import os
import select
import threading
from collections.abc import Callable, Mapping


class PeerWatch:
    """Calls `on_lost(rank)`, once and from a thread of its own, when one of the processes `peers` (rank → pid) ends."""

    def __init__(self, peers: Mapping[int, int], on_lost: Callable[[int], None]):
        self._on_lost = on_lost
        self._ranks = {os.pidfd_open(pid): rank for rank, pid in peers.items()}
        self._wake_reader, self._wake_writer = os.pipe()
        self._thread = threading.Thread(target=self._run, name="peer-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when nothing is watched any more."""
        os.write(self._wake_writer, b"x")
        self._thread.join()
        for descriptor in (*self._ranks, self._wake_reader, self._wake_writer):
            os.close(descriptor)

    def _run(self) -> None:
        waiting = select.poll()
        for descriptor in (*self._ranks, self._wake_reader):
            waiting.register(descriptor, select.POLLIN)
        ended = [descriptor for descriptor, _ in waiting.poll()]
        if self._wake_reader not in ended:
            self._on_lost(self._ranks[ended[0]])
