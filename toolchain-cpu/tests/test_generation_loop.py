"""The served model's loop: one thread for the engine, another one for those who get what it makes."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from generated import generated

from trtllm_cpu.engine.inflight_batcher import BatchLimits, InflightBatcher, Ticket
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.engine.sampling import Choice, Sampling
from trtllm_cpu.triton.generation_loop import Generation, GenerationLoop
from trtllm_cpu.triton.requests import GenerationRequest

PROMPT, NEW_TOKENS = [3, 14, 15], 16
NEVER, AT_EVERY_STEP = 1e9, 0.0
WAIT_SECONDS = 60
Open = Callable[[float], GenerationLoop]


class Client:
    """A receiver that keeps what it gets, and who gave it.

    `on_token` is called with each token, `on_asked` while the client is asked whether it is there.
    """

    def __init__(
        self,
        on_token: Callable[[], None] = lambda: None,
        cancelled: bool = False,
        on_asked: Callable[[], None] = lambda: None,
    ) -> None:
        self.token_ids: list[int] = []
        self.threads: set[str] = set()
        self.times_asked = 0
        self.ended = threading.Event()
        self.failure: str | None = None
        self._on_token = on_token
        self._cancelled = cancelled
        self._on_asked = on_asked

    def is_cancelled(self) -> bool:
        self._note()
        self.times_asked += 1
        self._on_asked()
        return self._cancelled

    def token(self, choice: Choice) -> None:
        self._note()
        self._on_token()
        self.token_ids.append(choice.token_id)

    def finish(self) -> None:
        self._note()
        self.ended.set()

    def fail(self, message: str) -> None:
        self._note()
        self.failure = message
        self.ended.set()

    def _note(self) -> None:
        self.threads.add(threading.current_thread().name)


@pytest.fixture(scope="module")
def engine(engines: dict[str, Path]) -> Engine:
    return Engine.load(engines["full_prec"])


@pytest.fixture(scope="module")
def expected(engine: Engine) -> list[int]:
    return generated(engine, PROMPT, NEW_TOKENS)


@pytest.fixture
def open_loop(engine: Engine) -> Iterator[Open]:
    """open_loop(seconds between two questions whether a client is there): a loop for two requests at once."""
    loops: list[GenerationLoop] = []

    def open_one(check_seconds: float) -> GenerationLoop:
        loops.append(GenerationLoop(InflightBatcher(engine, BatchLimits(max_requests=2)), check_seconds))
        return loops[-1]

    yield open_one
    for loop in loops:
        loop.close()


def submit(loop: GenerationLoop, client: Client, request_id: str = "") -> Client:
    request = GenerationRequest(PROMPT, NEW_TOKENS, end_id=None, streaming=True, sampling=Sampling())
    loop.submit(Generation(request_id, request, client))
    return client


def test_a_client_gets_its_tokens_in_order_and_from_one_thread_that_is_not_the_engines(open_loop, expected) -> None:
    loop = open_loop(AT_EVERY_STEP)
    clients = [submit(loop, Client()) for _ in range(3)]
    assert all(client.ended.wait(WAIT_SECONDS) for client in clients)
    assert [client.token_ids for client in clients] == [expected] * 3
    assert {name for client in clients for name in client.threads} == {"responses"}


def test_the_engine_goes_on_while_a_client_takes_its_token(open_loop, expected) -> None:
    loop = open_loop(NEVER)

    def until_the_engine_is_ahead() -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while loop.statistics().steps < min(len(client.token_ids) + 3, NEW_TOKENS) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert time.monotonic() < deadline

    client = Client(until_the_engine_is_ahead)
    submit(loop, client)
    assert client.ended.wait(WAIT_SECONDS)
    assert client.token_ids == expected


def test_the_engine_gets_no_further_ahead_than_a_few_responses(open_loop, expected) -> None:
    loop, released = open_loop(NEVER), threading.Event()
    client = submit(loop, Client(lambda: released.wait(WAIT_SECONDS)))
    # One response is being taken, two for each of two places wait, and the next one does not fit.
    deadline = time.monotonic() + WAIT_SECONDS
    while loop.statistics().steps < 5:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    # Time enough for all its tokens, as others need no more.
    elsewhere = submit(open_loop(NEVER), Client())
    assert elsewhere.ended.wait(WAIT_SECONDS)
    steps = loop.statistics().steps
    released.set()
    assert steps == 5
    assert client.ended.wait(WAIT_SECONDS)
    assert client.token_ids == expected


def test_clients_are_asked_once_a_period_whether_they_are_there_and_stop_when_they_are_not(open_loop, expected) -> None:
    rarely, often = open_loop(NEVER), open_loop(AT_EVERY_STEP)
    patient, present = submit(rarely, Client()), submit(often, Client())
    gone = submit(often, Client(cancelled=True))
    assert all(client.ended.wait(WAIT_SECONDS) for client in (patient, present, gone))
    assert patient.times_asked == 1 < present.times_asked
    assert patient.token_ids == present.token_ids == expected
    assert len(gone.token_ids) < NEW_TOKENS and gone.failure is None


def test_a_stop_that_comes_while_the_client_is_asked_whether_it_is_there_counts(open_loop) -> None:
    loop = open_loop(AT_EVERY_STEP)

    def stop_at_once() -> None:
        if client.times_asked == 1:
            loop.stop("stopped")

    client = submit(loop, Client(on_token=lambda: time.sleep(0.01), on_asked=stop_at_once), "stopped")
    assert client.ended.wait(WAIT_SECONDS)
    assert len(client.token_ids) < NEW_TOKENS


def test_a_stop_that_comes_while_a_request_is_taken_up_counts(engine: Engine) -> None:
    stopping = threading.Thread(target=lambda: loop.stop("stopped"))

    class SlowBatcher(InflightBatcher):
        def add(self, *request) -> Ticket:
            stopping.start()
            # Time enough for a stop that nothing keeps from looking for its request now.
            stopping.join(0.1)
            return super().add(*request)

    loop = GenerationLoop(SlowBatcher(engine, BatchLimits(max_requests=2)), NEVER)
    client = submit(loop, Client(on_token=lambda: time.sleep(0.01)), "stopped")
    assert client.ended.wait(WAIT_SECONDS)
    loop.close()
    assert len(client.token_ids) < NEW_TOKENS


def test_a_client_that_cannot_be_served_harms_no_other(open_loop, expected) -> None:
    def break_off() -> None:
        raise OSError("the server does not take it")

    loop = open_loop(NEVER)
    broken, healthy = submit(loop, Client(break_off)), submit(loop, Client())
    assert broken.ended.wait(WAIT_SECONDS) and healthy.ended.wait(WAIT_SECONDS)
    assert (broken.token_ids, healthy.token_ids) == ([], expected)


def test_closing_ends_what_runs_and_gives_everyone_the_final_response(open_loop) -> None:
    loop = open_loop(NEVER)
    clients = [submit(loop, Client(lambda: time.sleep(0.01))) for _ in range(4)]
    loop.close()
    assert all(client.ended.is_set() for client in clients)
