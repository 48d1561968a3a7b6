"""In-flight batching: requests that join and leave a running batch get the tokens that they get alone."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from generated import generated

from trtllm_cpu.engine.inflight_batcher import BatchLimits, InflightBatcher, Ticket
from trtllm_cpu.engine.runtime import Engine

PROMPTS = [[3, 14, 15, 92, 65], [1, 2], list(range(20, 50)), [7], [88, 42, 61, 5, 9, 11, 40]]
LENGTHS = [5, 16, 9, 12, 1]


@pytest.fixture(scope="module")
def engine(
    checkpoints: dict[str, Path],
    run_program: Callable[..., CompletedProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> Engine:
    """An engine for three requests at once."""
    directory = tmp_path_factory.mktemp("batched")
    flags = ("--max_batch_size", "3", "--max_input_len", "32", "--max_output_len", "16")
    ended = run_program("build", "--checkpoint_dir", checkpoints["full_prec"], "--output_dir", directory, *flags)
    assert ended.returncode == 0, ended.stderr
    return Engine.load(directory)


def token_ids(ticket: Ticket) -> list[int]:
    return [choice.token_id for choice in ticket.choices]


def alone(engine: Engine) -> list[list[int]]:
    requests = zip(PROMPTS, LENGTHS, strict=True)
    return [generated(engine, prompt, length) for prompt, length in requests]


def run_all(batcher: InflightBatcher) -> list[tuple[int, int]]:
    """Steps until nothing is left; (prompts read, requests taken further) of each."""
    seen = []
    while batcher.running or batcher.waiting:
        step = batcher.step()
        seen.append((step.context, step.generation))
    return seen


def test_requests_that_join_and_leave_a_running_batch_get_the_tokens_that_they_get_alone(engine):
    batcher = InflightBatcher(engine, BatchLimits(max_requests=3))
    tickets = [batcher.add(prompt, length, None) for prompt, length in zip(PROMPTS, LENGTHS, strict=True)]
    seen = run_all(batcher)
    assert [token_ids(ticket) for ticket in tickets] == alone(engine)
    # Three at first; the fourth joins while two others run, in the very step in which the first has left.
    assert seen[0] == (3, 0)
    assert seen[4] == (1, 3)
    assert len(seen) < sum(LENGTHS) / 2
    assert max(generation for _, generation in seen) == 3


def test_a_request_waits_until_the_cache_has_room_for_all_that_it_may_need_and_overtakes_nobody(engine):
    batcher = InflightBatcher(engine, BatchLimits(max_requests=3, max_tokens=40))
    first, long, short = batcher.add([1] * 10, 10, None), batcher.add([2] * 15, 6, None), batcher.add([3], 2, None)
    batcher.step()
    assert (batcher.running, batcher.waiting) == (1, 2)
    while not first.is_over:
        assert (batcher.running, batcher.waiting) == (1, 2)
        batcher.step()
    assert (batcher.running, batcher.waiting) == (2, 0)
    run_all(batcher)
    assert (len(long.choices), len(short.choices)) == (6, 2)


def test_a_static_batch_lets_nobody_join_until_its_last_request_has_ended(engine):
    batcher = InflightBatcher(engine, BatchLimits(max_requests=3), joins_running=False)
    tickets = [batcher.add(prompt, length, None) for prompt, length in zip(PROMPTS, LENGTHS, strict=True)]
    seen = run_all(batcher)
    assert [index for index, (context, _) in enumerate(seen) if context] == [0, 15]
    assert [token_ids(ticket) for ticket in tickets] == alone(engine)


def test_a_cancelled_request_leaves_at_the_next_step_and_the_others_go_on_unharmed(engine):
    batcher = InflightBatcher(engine, BatchLimits(max_requests=3))
    tickets = [batcher.add(prompt, length, None) for prompt, length in zip(PROMPTS, LENGTHS, strict=True)]
    batcher.step()
    tickets[0].cancelled = tickets[4].cancelled = True
    assert batcher.step().ended == [tickets[4], tickets[0]]
    run_all(batcher)
    assert len(tickets[0].choices) == 1
    assert [token_ids(ticket) for ticket in tickets[1:4]] == alone(engine)[1:4]


def test_a_request_ends_at_its_end_token_and_frees_its_place(engine):
    free = alone(engine)[1]
    end = free[3]
    batcher = InflightBatcher(engine, BatchLimits(max_requests=1))
    ended, after = batcher.add(PROMPTS[1], 16, end), batcher.add(PROMPTS[1], 2, None)
    run_all(batcher)
    assert token_ids(ended) == free[: free.index(end)]
    assert token_ids(after) == free[:2]
