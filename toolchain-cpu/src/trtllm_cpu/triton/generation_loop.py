"""The loop that generates for all clients at once: one in-flight batch, in a thread of its own."""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from trtllm_cpu import logger
from trtllm_cpu.engine.inflight_batcher import InflightBatcher, Step, Ticket
from trtllm_cpu.engine.sampling import Choice
from trtllm_cpu.errors import ToolchainError

from .outbox import Outbox
from .requests import GenerationRequest

RESPONSES_AHEAD = 2
"""Responses that may wait to be sent, for each request that may run."""


class Receiver(Protocol):
    """Who gets what is generated for one request. Called from one thread only, and not from that of the engine."""

    def is_cancelled(self) -> bool: ...

    def token(self, choice: Choice) -> None: ...

    def finish(self) -> None: ...

    def fail(self, message: str) -> None: ...


@dataclass(frozen=True)
class LoopStatistics:
    """What the loop is at: the requests that it holds, and how far it has come since it was made."""

    active: int
    """Requests that generate; those that wait for a place are not counted."""
    max_active: int
    scheduled: int
    """Requests that the latest step took one token further."""
    context: int
    """Those of them whose prompt it read."""
    steps: int


@dataclass(eq=False)
class Generation:
    """One request on its way through the loop."""

    request_id: str
    request: GenerationRequest
    receiver: Receiver
    stopped: bool = False


class GenerationLoop:
    """Owns the batcher's thread. Requests that find no place wait in the order they came.

    Receivers are served from another thread: while the server takes a response, the engine goes on.
    """

    def __init__(self, batcher: InflightBatcher, cancellation_check_seconds: float) -> None:
        """Receivers are asked once every so many seconds whether they are still there."""
        self._batcher = batcher
        self._check_seconds = cancellation_check_seconds
        self._next_check = 0.0
        self._outbox = Outbox("responses", RESPONSES_AHEAD * batcher.limits.max_requests)
        self._changed = threading.Condition()
        self._arrived: list[Generation] = []
        self._held: dict[Ticket, Generation] = {}
        self._closed = False
        self._statistics = LoopStatistics(0, batcher.limits.max_requests, 0, 0, 0)
        self._thread = threading.Thread(target=self._run, name="generation")
        self._thread.start()

    def submit(self, generation: Generation) -> None:
        with self._changed:
            self._arrived.append(generation)
            self._changed.notify()

    def stop(self, request_id: str) -> None:
        """Ends the generations of this id; each of them still gets its final response."""
        with self._changed:
            for generation in [*self._held.values(), *self._arrived]:
                if generation.request_id == request_id:
                    generation.stopped = True

    def statistics(self) -> LoopStatistics:
        with self._changed:
            return self._statistics

    def close(self) -> None:
        """Ends all generations and returns when the thread has ended."""
        with self._changed:
            self._closed = True
            for generation in [*self._held.values(), *self._arrived]:
                generation.stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while self._take_up():
            if not self._held:
                continue
            self._cancel_unwanted()
            try:
                step = self._batcher.step()
            except Exception as error:
                # Nobody knows what is in the cache then, so all that runs ends here; the next request starts afresh.
                logger.error(f"the engine failed:\n{traceback.format_exc()}")
                self._fail_all(str(error) or type(error).__name__)
                continue
            self._hand_out(step)
        self._outbox.close()
        self._batcher.close()

    def _take_up(self) -> bool:
        """Waits for work and queues what has arrived; false when closed and all work is done."""
        refused: list[tuple[Generation, str]] = []
        with self._changed:
            self._changed.wait_for(lambda: self._arrived or self._held or self._closed)
            # All under one lock: a stop finds each of them in one place or the other.
            arrived, self._arrived = self._arrived, []
            for generation in arrived:
                asked = generation.request
                try:
                    ticket = self._batcher.add(asked.prompt_ids, asked.max_new_tokens, asked.end_id, asked.sampling)
                except ToolchainError as error:
                    refused.append((generation, str(error)))
                else:
                    self._held[ticket] = generation
        for generation, message in refused:
            self._outbox.put(partial(_deliver, generation, partial(generation.receiver.fail, message)))
        return bool(self._held) or not self._closed

    def _cancel_unwanted(self) -> None:
        if time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + self._check_seconds
            self._outbox.put(partial(_notice_cancelled, list(self._held.values())))
        for ticket, generation in self._held.items():
            ticket.cancelled = ticket.cancelled or generation.stopped

    def _hand_out(self, step: Step) -> None:
        """Gives everyone what the step made."""
        for ticket, choice in step.chosen:
            generation = self._held[ticket]
            self._outbox.put(partial(_deliver, generation, partial(generation.receiver.token, choice)))
        for ticket in step.ended:
            generation = self._forget(ticket)
            if generation is not None:  # else it was told that the engine failed
                self._outbox.put(partial(_deliver, generation, partial(_end, generation, ticket)))
        self._count(step)

    def _count(self, step: Step) -> None:
        with self._changed:
            self._statistics = LoopStatistics(
                active=self._batcher.running,
                max_active=self._statistics.max_active,
                scheduled=step.generation + step.context,
                context=step.context,
                steps=self._statistics.steps + 1,
            )

    def _forget(self, ticket: Ticket) -> Generation | None:
        with self._changed:
            return self._held.pop(ticket, None)

    def _fail_all(self, message: str) -> None:
        for ticket, generation in list(self._held.items()):
            ticket.cancelled = True
            self._forget(ticket)
            self._outbox.put(partial(_deliver, generation, partial(generation.receiver.fail, message)))


def _deliver(generation: Generation, give: Callable[[], None]) -> None:
    """A failure to give a client something is that client's, and harms no other."""
    try:
        give()
    except Exception:
        logger.error(f"request {generation.request_id!r} failed:\n{traceback.format_exc()}")
        generation.stopped = True


def _end(generation: Generation, ticket: Ticket) -> None:
    outcome = "failed" if ticket.failure else "cancelled" if ticket.cancelled else "finished"
    logger.info(
        f"request {generation.request_id!r} {outcome}: {len(ticket.prompt_ids)} prompt tokens, "
        f"{len(ticket.choices)} new tokens"
    )
    if ticket.failure is not None:
        generation.receiver.fail(str(ticket.failure))
    else:
        generation.receiver.finish()


def _notice_cancelled(generations: list[Generation]) -> None:
    for generation in generations:
        _deliver(generation, partial(_ask, generation))


def _ask(generation: Generation) -> None:
    # Only ever set: a stop may come while the server is asked.
    if generation.receiver.is_cancelled():
        generation.stopped = True
