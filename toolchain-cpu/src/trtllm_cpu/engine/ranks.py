"""How the ranks of a launch reach each other: alone, or over MPI."""

from typing import Protocol

import numpy as np


class Exchange(Protocol):
    """What the ranks of one engine exchange within a step."""

    def add_up(self, partial: np.ndarray) -> np.ndarray:
        """The sum of what all tensor parallel ranks of this stage have."""
        ...

    def send_hidden(self, hidden: np.ndarray) -> None:
        """Hands the hidden state to the next stage."""
        ...

    def receive_hidden(self) -> np.ndarray:
        """The hidden state of the stage before."""
        ...

    def gather_logits(self, logits: np.ndarray | None) -> np.ndarray | None:
        """On the leader: logits of the whole vocabulary, from the parts of the last stage's ranks. None elsewhere."""
        ...


class Alone:
    """The exchange of an engine with one rank."""

    def add_up(self, partial: np.ndarray) -> np.ndarray:
        return partial

    def send_hidden(self, hidden: np.ndarray) -> None:
        raise AssertionError("one rank has one stage")

    def receive_hidden(self) -> np.ndarray:
        raise AssertionError("one rank has one stage")

    def gather_logits(self, logits: np.ndarray | None) -> np.ndarray | None:
        return logits
