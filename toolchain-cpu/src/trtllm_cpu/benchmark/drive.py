"""Sends requests to a batcher as they arrive, and takes down when each of their tokens comes."""

import time
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from trtllm_cpu.benchmark.gate import Gate
from trtllm_cpu.benchmark.workload import Sample
from trtllm_cpu.engine.inflight_batcher import InflightBatcher, Step, Ticket
from trtllm_cpu.errors import ToolchainError


@dataclass(eq=False)
class Request:
    """A request and what became of it; times are seconds from the start of the run."""

    sample: Sample
    arrives_at: float
    token_times: list[float] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    ended_at: float | None = None
    failure: ToolchainError | None = None


@dataclass(frozen=True)
class Limits:
    """What a request may be besides the engine's own limits."""

    end_id: int | None
    longest: int | None
    """Most tokens of prompt and answer together."""

    @classmethod
    def of_flags(cls, flags: Namespace) -> "Limits":
        given = [size for size in (flags.max_tokens_in_paged_kvcache, flags.max_attention_window) if size is not None]
        return cls(end_id=flags.eos_id if flags.eos_id >= 0 else None, longest=min(given, default=None))

    def add(self, batcher: InflightBatcher, sample: Sample) -> Ticket:
        """Queues a request. Errors: ToolchainError naming the limit that it is over."""
        tokens = len(sample.input_ids) + sample.output_len
        if self.longest is not None and tokens > self.longest:
            raise ToolchainError(
                f"{tokens} tokens of prompt and answer are more than the {self.longest} that "
                "--max_tokens_in_paged_kvcache and --max_attention_window leave a request"
            )
        return batcher.add(sample.input_ids, sample.output_len, self.end_id)


def drive(
    batcher: InflightBatcher,
    requests: Iterable[Request],
    limits: Limits,
    gate: Gate,
    on_step: Callable[[Step], None] = lambda _step: None,
) -> float:
    """Runs the requests, which are in the order of their arrival, to their end; returns the seconds that it took."""
    upcoming, waiting = deque(requests), deque[Request]()
    held: dict[Ticket, Request] = {}
    started = time.perf_counter()

    def seconds() -> float:
        return time.perf_counter() - started

    while upcoming or waiting or held:
        now = seconds()
        while upcoming and upcoming[0].arrives_at <= now:
            waiting.append(upcoming.popleft())
        for _ in range(gate.let_pass(len(waiting), len(held), now)):
            request = waiting.popleft()
            try:
                held[limits.add(batcher, request.sample)] = request
            except ToolchainError as error:
                request.failure, request.ended_at = error, now
        if not held:
            _sleep_until(started, [gate.opens_at] * bool(waiting) + [request.arrives_at for request in upcoming][:1])
            continue
        step = batcher.step()
        _take_down(step, held, seconds())
        on_step(step)
    return seconds()


def _take_down(step: Step, held: dict[Ticket, Request], now: float) -> None:
    for ticket, choice in step.chosen:
        held[ticket].token_ids.append(choice.token_id)
        held[ticket].token_times.append(now)
    for ticket in step.ended:
        request = held.pop(ticket)
        request.failure, request.ended_at = ticket.failure, now


def _sleep_until(started: float, moments: list[float]) -> None:
    """Until the first of the moments; none is no reason to wait."""
    if moments:
        time.sleep(max(0.0, started + min(moments) - time.perf_counter()))
