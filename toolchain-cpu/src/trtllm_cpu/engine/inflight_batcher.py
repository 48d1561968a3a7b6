"""In-flight batching: requests join a running batch at any step and leave it when they end.

A step takes every running request one token further, all in one pass over the weights, and reads the prompts of those
that have just joined, one pass each.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.engine.sampling import Choice, Sampler, Sampling
from trtllm_cpu.errors import ToolchainError


@dataclass(frozen=True)
class BatchLimits:
    """What may run at once."""

    max_requests: int
    max_tokens: int | None = None
    """Prompt and new tokens of all running requests together: the KV cache's capacity. None: as much as they need."""


@dataclass(eq=False)
class Ticket:
    """A request's place in the batcher: what it asks for and how far it has come."""

    prompt_ids: list[int]
    max_new_tokens: int
    sampler: Sampler
    cancelled: bool = False
    failure: ToolchainError | None = None
    """Why it has ended early, by its own fault."""
    choices: list[Choice] = field(default_factory=list)

    @property
    def reserved_tokens(self) -> int:
        """What it may come to need of the KV cache: reserved as it joins, so that nothing that runs is ever evicted."""
        return len(self.prompt_ids) + self.max_new_tokens

    @property
    def is_over(self) -> bool:
        """Whether it has all its tokens, or is not wanted any more."""
        completed = len(self.choices) == self.max_new_tokens or (self.choices and self.choices[-1].is_last)
        return bool(completed) or self.cancelled


@dataclass(frozen=True)
class Step:
    """What one step did."""

    chosen: list[tuple[Ticket, Choice]]
    """Each request's new token; one that has ended by a token that is not part of its text has none."""
    ended: list[Ticket]
    context: int
    """Requests whose prompts were read."""
    generation: int
    """Requests that were taken a token further."""


class InflightBatcher:
    """Runs requests on an engine. Not for several threads at once; any may set a ticket's `cancelled`."""

    def __init__(self, engine: Engine, limits: BatchLimits, joins_running: bool = True):
        """Without `joins_running` a batch is static: the next one begins when the last of its requests has ended."""
        self.limits = limits
        self._engine = engine
        self._joins_running = joins_running
        longest = engine.config.max_sequence_len
        capacity = longest if limits.max_tokens is None else min(longest, limits.max_tokens)
        self._pool = engine.open_slots(limits.max_requests, capacity)
        self._waiting: deque[Ticket] = deque()
        self._running: list[Ticket] = []
        """By slot."""

    @property
    def running(self) -> int:
        """Requests in the batch."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Requests that have not joined yet."""
        return len(self._waiting)

    def add(
        self, prompt_ids: list[int], max_new_tokens: int, end_id: int | None, sampling: Sampling | None = None
    ) -> Ticket:
        """Queues a request. Errors: ToolchainError naming the engine's limit that it is over.

        A request that needs more than `max_tokens` alone waits for ever: whoever sets that limit refuses it.
        """
        self._engine.check_request(prompt_ids, max_new_tokens)
        ticket = Ticket(prompt_ids, max_new_tokens, Sampler(sampling or Sampling(), prompt_ids, end_id))
        self._waiting.append(ticket)
        return ticket

    def step(self) -> Step:
        """Lets go of what was cancelled, admits what fits, and takes everything one token further."""
        ended = [*self._drop_cancelled()]
        generating = len(self._running)
        chosen: list[tuple[Ticket, Choice]] = []
        if generating:
            logits = self._pool.decode([ticket.choices[-1].token_id for ticket in self._running])
            self._choose(zip(self._running[:], logits, strict=True), chosen, ended)
        context = 0
        for ticket in self._admitted():
            context += 1
            slot = len(self._running)
            self._running.append(ticket)
            self._choose([(ticket, self._pool.prompt(slot, ticket.prompt_ids)[0])], chosen, ended)
        return Step(chosen, ended, context, generating)

    def close(self) -> None:
        """Frees the cache."""
        self._pool.close()

    def _admitted(self) -> Iterator[Ticket]:
        """The waiting requests that may join now, in the order in which they came; each before the next is judged."""
        if self._running and not self._joins_running:
            return
        while self._waiting and len(self._running) < self.limits.max_requests and self._fits(self._waiting[0]):
            yield self._waiting.popleft()

    def _fits(self, ticket: Ticket) -> bool:
        if self.limits.max_tokens is None:
            return True
        reserved = sum(running.reserved_tokens for running in self._running)
        return reserved + ticket.reserved_tokens <= self.limits.max_tokens

    def _choose(
        self, rows: Iterable[tuple[Ticket, np.ndarray]], chosen: list[tuple[Ticket, Choice]], ended: list[Ticket]
    ) -> None:
        for ticket, logits in rows:
            choice = None
            try:
                choice = ticket.sampler.choose(logits)
            except ToolchainError as error:
                ticket.failure = error
            if choice is not None:
                ticket.choices.append(choice)
                chosen.append((ticket, choice))
            if choice is None or ticket.is_over:
                self._leave(ticket)
                ended.append(ticket)

    def _drop_cancelled(self) -> Iterator[Ticket]:
        for ticket in [ticket for ticket in self._waiting if ticket.cancelled]:
            self._waiting.remove(ticket)
            yield ticket
        for ticket in [ticket for ticket in self._running if ticket.cancelled]:
            self._leave(ticket)
            yield ticket

    def _leave(self, ticket: Ticket) -> None:
        """Frees a slot. The last one's request moves there, so that the batch stays contiguous."""
        slot, last = self._running.index(ticket), len(self._running) - 1
        if slot != last:
            self._pool.move(last, slot)
            self._running[slot] = self._running[last]
        self._running.pop()
