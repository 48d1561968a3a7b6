"""How a real tritonserver batches: its queue before the engine, and the KV cache's capacity behind it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from triton_server import Server, fill_templates

from trtllm_cpu.triton.client import Question, ask

LONG, SHORT = 12_000, 8
"""New tokens of answers that take seconds, and hardly any time."""


@pytest.fixture
def serve(served, tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """serve(values for the tensorrt_llm template): a server for an engine of four requests at once."""
    root, model, engine = served
    servers: list[Server] = []

    def start(values: str) -> Server:
        fill_templates(root, tmp_path / "repository", model, engine, decoupled=True, generation=values)
        servers.append(Server(root, tmp_path / "repository", tmp_path / "triton.log"))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def answers_at_once(server: Server, count: int) -> float:
    """Asks so many short questions at the same time; returns the seconds until the last one is answered."""
    started = time.monotonic()
    threads = [
        threading.Thread(target=lambda: list(ask(server.url, "ensemble", Question("Hello", SHORT), timeout_seconds=60)))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return time.monotonic() - started


def test_a_request_waits_for_company_as_long_as_the_filled_delay_and_a_full_batch_does_not_wait(serve) -> None:
    delay_seconds = 5
    server = serve(f"max_queue_delay_microseconds:{delay_seconds * 1_000_000}")
    config = json.loads(server.get("/v2/models/tensorrt_llm/config")[1])
    assert config["dynamic_batching"]["max_queue_delay_microseconds"] == delay_seconds * 1_000_000
    assert answers_at_once(server, 1) > delay_seconds
    assert answers_at_once(server, config["max_batch_size"]) < delay_seconds


def test_a_request_that_does_not_fit_into_the_kv_cache_waits_for_room_and_is_then_served(serve) -> None:
    room = 500
    server = serve(f"max_tokens_in_paged_kv_cache:{LONG + room}")
    alone = list(ask(server.url, "ensemble", Question("Hello", room), timeout_seconds=60))
    running = ask(server.url, "ensemble", Question("Hello", LONG), timeout_seconds=60)
    next(running)
    # A short one fits beside it, the other one, with its prompt, does not.
    assert list(ask(server.url, "ensemble", Question("Hello", SHORT), timeout_seconds=60)) == alone[:SHORT]
    waited: list[str] = []
    waiting = threading.Thread(
        target=lambda: waited.extend(ask(server.url, "ensemble", Question("Hello", room), timeout_seconds=60))
    )
    waiting.start()
    # It would have come to its end by now.
    for _ in range(2 * room):
        next(running)
    assert waited == []
    running.close()
    waiting.join(timeout=60)
    assert waited == alone
