"""When requests that have arrived are handed to the batcher: at once, after a delay, or as emulated static batches."""


class Gate:
    """Decides how many of the waiting requests may go. Times are seconds of the caller's clock, from 0."""

    def __init__(self, batch_size: int | None, delay_seconds: float):
        """With `batch_size`, so many go at once when nothing runs; after the delay also fewer. Without: all go.

        The delay runs from the start; for batches, from when the first request waits or a batch has gone.
        """
        self._batch_size = batch_size
        self._delay_seconds = delay_seconds
        self.opens_at = delay_seconds
        """When what waits may go, though it is not a whole batch."""

    def let_pass(self, waiting: int, running: int, now: float) -> int:
        """How many of `waiting` requests go now, while `running` that went before have not ended."""
        is_due = now >= self.opens_at
        if self._batch_size is None:
            return waiting if is_due else 0
        passing = 0
        if waiting and not running and (is_due or waiting >= self._batch_size):
            passing = min(waiting, self._batch_size)
        if passing or not waiting:
            self.opens_at = now + self._delay_seconds
        return passing
