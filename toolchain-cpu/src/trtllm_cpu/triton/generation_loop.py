"""The loop that generates for all clients at once: one token a sequence a step, in turn."""

import threading
import traceback
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from trtllm_cpu import logger
from trtllm_cpu.engine.runtime import Choice, Engine, Sequence
from trtllm_cpu.errors import ToolchainError

from .requests import GenerationRequest


class Receiver(Protocol):
    """Who gets what is generated for one request. Called from the loop's thread only."""

    def is_cancelled(self) -> bool: ...

    def token(self, choice: Choice) -> None: ...

    def finish(self) -> None: ...

    def fail(self, message: str) -> None: ...


@dataclass(frozen=True)
class LoopStatistics:
    """What the loop is at: the requests that it holds, and how far it has come since it was made."""

    active: int
    """Requests that generate, or are about to; those that wait for a place are not counted."""
    max_active: int
    scheduled: int
    """Requests that the latest step took one token further."""
    context: int
    """Those of them whose prompt it read."""
    steps: int


class Generation:
    """One request on its way through the loop."""

    def __init__(self, request_id: str, request: GenerationRequest, receiver: Receiver) -> None:
        self.request_id = request_id
        self.receiver = receiver
        self.stopped = False
        self._request = request
        self._new_tokens = 0
        self._sequence: Sequence | None = None

    @property
    def begun(self) -> bool:
        """Whether the prompt has been read."""
        return self._sequence is not None

    def advance(self, engine: Engine) -> bool:
        """Generates one token; false once there is nothing more to do, and then the sequence is freed.

        A failure is told to this request's client and harms no other.
        """
        try:
            if self.stopped or self.receiver.is_cancelled():
                return self._end("cancelled")
            if self._sequence is None:
                request = self._request
                self._sequence = engine.start(
                    request.prompt_ids, request.max_new_tokens, request.end_id, request.sampling
                )
            choice = next(self._sequence, None)
            if choice is None:
                return self._end("finished")
            self._new_tokens += 1
            self.receiver.token(choice)
            return True
        except Exception as error:
            if not isinstance(error, ToolchainError):
                logger.error(f"request {self.request_id!r} failed:\n{traceback.format_exc()}")
            self._free("failed")
            self.receiver.fail(str(error) or type(error).__name__)
            return False

    def _end(self, outcome: str) -> bool:
        self._free(outcome)
        self.receiver.finish()
        return False

    def _free(self, outcome: str) -> None:
        logger.info(
            f"request {self.request_id!r} {outcome}: {len(self._request.prompt_ids)} prompt tokens, "
            f"{self._new_tokens} new tokens"
        )
        if self._sequence is not None:
            self._sequence.close()


class GenerationLoop:
    """Owns the engine's thread. Requests beyond `max_active` wait in the order they came.

    `_step` is the only place that knows that sequences advance one after the other: a batched engine replaces it.
    """

    def __init__(self, engine: Engine, max_active: int) -> None:
        self._engine = engine
        self._max_active = max_active
        self._changed = threading.Condition()
        self._waiting: deque[Generation] = deque()
        self._active: list[Generation] = []
        self._closed = False
        self._scheduled = 0
        self._context = 0
        self._steps = 0
        self._thread = threading.Thread(target=self._run, name="generation")
        self._thread.start()

    def submit(self, generation: Generation) -> None:
        with self._changed:
            self._waiting.append(generation)
            self._changed.notify()

    def stop(self, request_id: str) -> None:
        """Ends the generations of this id; each of them still gets its final response."""
        with self._changed:
            for generation in [*self._active, *self._waiting]:
                if generation.request_id == request_id:
                    generation.stopped = True

    def statistics(self) -> LoopStatistics:
        with self._changed:
            return LoopStatistics(len(self._active), self._max_active, self._scheduled, self._context, self._steps)

    def close(self) -> None:
        """Ends all generations and returns when the thread has ended."""
        with self._changed:
            self._closed = True
            for generation in [*self._active, *self._waiting]:
                generation.stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while self._admit():
            self._step()

    def _admit(self) -> bool:
        """Waits for work and takes it up to the limit; false when closed and all work is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._active or self._closed)
            while self._waiting and len(self._active) < self._max_active:
                self._active.append(self._waiting.popleft())
            return bool(self._active)

    def _step(self) -> None:
        context = sum(not generation.begun for generation in self._active)
        going_on = [generation for generation in self._active if generation.advance(self._engine)]
        with self._changed:
            self._scheduled, self._context = len(self._active), context
            self._steps += 1
            self._active = going_on
