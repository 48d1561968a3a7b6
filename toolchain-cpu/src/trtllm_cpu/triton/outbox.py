"""Hands things over in a thread of its own, so that whoever makes them does not wait for those who take them."""

import queue
import threading
from collections.abc import Callable

Delivery = Callable[[], None]


class Outbox:
    """Makes deliveries one after the other, in the order in which they were put in. They must not raise."""

    def __init__(self, name: str, capacity: int) -> None:
        self._deliveries: queue.Queue[Delivery | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def put(self, delivery: Delivery) -> None:
        """Waits while the box is full: nobody makes more than is taken."""
        self._deliveries.put(delivery)

    def close(self) -> None:
        """Returns when everything has been delivered."""
        self._deliveries.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (delivery := self._deliveries.get()) is not None:
            delivery()
