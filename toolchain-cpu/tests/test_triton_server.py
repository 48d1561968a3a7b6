"""The ensemble template in a real tritonserver, asked by real clients."""

import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from triton_server import READY_SECONDS, Server, fill_templates, session_members

from trtllm_cpu.triton.client import Question, ServerError, ask, new_text, stop

MODELS = ["ensemble", "tensorrt_llm_bls"]
CHINESE = "你是一个知识助手，请简要回答问题。陆地上最快的动物是什么?"  # noqa: RUF001
LONG = 12_000
"""New tokens of an answer that takes seconds, also from a tiny model."""


@pytest.fixture(scope="module")
def server(served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    work = tmp_path_factory.mktemp("decoupled")
    root, model, engine = served
    fill_templates(root, work / "repository", model, engine, decoupled=True)
    server = Server(root, work / "repository", work / "triton.log")
    yield server
    server.kill()
    assert session_members(server.session) == []


def answers(server: Server, model: str, text: str = "Hello", max_tokens: int = 24, stream: bool = True) -> list[str]:
    return list(ask(server.url, model, Question(text, max_tokens, stream), timeout_seconds=60))


def test_the_ensemble_streams_a_response_a_token(server: Server) -> None:
    whole = answers(server, "ensemble", stream=False)
    streamed = answers(server, "ensemble")
    assert len(whole) == 1
    assert len(streamed) == 24
    # Characters that are spread over tokens are whole only in one piece.
    assert len("".join(streamed)) >= len(whole[0]) > 0


def test_bls_streams_the_whole_text_so_far_and_ends_with_what_an_unstreamed_answer_is(server: Server) -> None:
    [whole] = answers(server, "tensorrt_llm_bls", CHINESE, max_tokens=48, stream=False)
    streamed = answers(server, "tensorrt_llm_bls", CHINESE, max_tokens=48)
    assert len(streamed) == 48
    assert streamed[-1] == whole == answers(server, "ensemble", CHINESE, max_tokens=48, stream=False)[0]
    assert "".join(new_text(iter(streamed))) == whole.rstrip("\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("model", MODELS)
def test_generate_stream_works_over_http(server: Server, model: str) -> None:
    body = {"text_input": "Hello", "max_tokens": 8, "bad_words": "", "stop_words": "", "stream": True}
    status, text = server.get(f"/v2/models/{model}/generate_stream", body)
    events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line]
    assert status == 200
    assert [event["text_output"] for event in events] == answers(server, model, max_tokens=8)


def test_concurrent_streams_take_turns_and_get_what_they_get_alone(server: Server) -> None:
    alone = {model: answers(server, model, max_tokens=64) for model in MODELS}
    finished: dict[int, list[str]] = {}
    all_have_begun = threading.Barrier(4, timeout=60)

    def stream(index: int) -> None:
        texts = []
        for text in ask(server.url, MODELS[index % 2], Question("Hello", 64), timeout_seconds=60):
            if not texts:
                all_have_begun.wait()
            texts.append(text)
        finished[index] = texts

    threads = [threading.Thread(target=stream, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert finished == {index: alone[MODELS[index % 2]] for index in range(4)}


@pytest.mark.parametrize(("model", "prompt_tokens"), list(zip(MODELS, [101, 102], strict=True)))
def test_a_stream_that_its_client_closes_stops_generating(server: Server, model: str, prompt_tokens: int) -> None:
    texts = ask(server.url, model, Question("x" * prompt_tokens, LONG), timeout_seconds=60)
    next(texts)
    texts.close()
    expect_cancelled(server, prompt_tokens)


@pytest.mark.parametrize(("model", "prompt_tokens"), list(zip(MODELS, [103, 104], strict=True)))
def test_an_unstreamed_request_that_its_client_gives_up_stops_generating(
    server: Server, model: str, prompt_tokens: int
) -> None:
    question = Question("x" * prompt_tokens, LONG, stream=False)
    with pytest.raises(ServerError, match="Deadline Exceeded"):
        list(ask(server.url, model, question, timeout_seconds=1))
    expect_cancelled(server, prompt_tokens)


def expect_cancelled(server: Server, prompt_tokens: int) -> None:
    """Waits for the line in the server's log that tells how the request with a prompt of that length ended."""
    line = re.compile(rf"\[I\] request '\w*' (\w+): {prompt_tokens} prompt tokens, (\d+) new tokens")
    deadline = time.monotonic() + 10
    while not (ended := line.findall(server.log.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    [(outcome, new_tokens)] = ended
    assert outcome == "cancelled"
    assert int(new_tokens) < LONG


@pytest.mark.parametrize("model", MODELS)
def test_a_bad_request_gets_a_clear_error_and_harms_no_other_stream(server: Server, model: str) -> None:
    expected = answers(server, model)
    healthy = ask(server.url, model, Question("Hello", 24), timeout_seconds=60)
    texts = [next(healthy)]
    for question, message in [
        (Question("Hello", 20_000), "request_output_len: 20000 exceeds the engine's max_output_len 16384"),
        (Question("Hello", 0), "max_tokens: expected at least 1, got 0"),
        (Question("x" * 16_385, 1), "input_ids: 16385 tokens exceed the engine's max_input_len 16384"),
        (Question("", 8), "text_input: expected at least one token, got an empty prompt"),
    ]:
        with pytest.raises(ServerError, match=message):
            list(ask(server.url, model, question, timeout_seconds=60))
    assert texts + list(healthy) == expected


def test_a_text_that_cannot_be_made_ends_the_stream_with_its_error_and_the_generation_with_it(
    served, tmp_path: Path
) -> None:
    root, model, engine = served
    fill_templates(root, tmp_path / "repository", model, engine, decoupled=True)
    program = tmp_path / "repository/postprocessing/1/model.py"
    head = "    def _postprocess(self, tensors):\n"
    refusing = "        if tensors['SEQUENCE_LENGTH'].max() > 3: raise ToolchainError('no text for a fourth token')\n"
    text = program.read_text().replace(head, head + refusing)
    program.write_text(f"from trtllm_cpu.errors import ToolchainError\n{text}")
    server = Server(root, tmp_path / "repository", tmp_path / "triton.log")
    try:
        with pytest.raises(ServerError, match="no text for a fourth token"):
            answers(server, "tensorrt_llm_bls", "x" * 105, LONG)
        expect_cancelled(server, 105)
    finally:
        server.kill()


def test_a_parameter_that_is_no_number_ends_the_server_and_says_so(served, tmp_path: Path) -> None:
    root, model, engine = served
    fill_templates(root, tmp_path / "repository", model, engine, True, "stats_check_period_ms:often")
    started = time.monotonic()
    with pytest.raises(AssertionError, match="stats_check_period_ms: expected a whole number, got 'often'"):
        Server(root, tmp_path / "repository", tmp_path / "triton.log")
    assert time.monotonic() - started < READY_SECONDS, "it was waited for, as it did not end"


def test_a_stop_without_an_id_is_refused_instead_of_stopping_strangers(server: Server) -> None:
    with pytest.raises(ServerError, match="stop: needs the request id"):
        stop(server.url, "", timeout_seconds=60)


def test_a_server_that_is_not_decoupled_answers_whole_by_upstreams_defaults_and_refuses_to_stream(
    served, tmp_path: Path
) -> None:
    root, model, engine = served
    fill_templates(root, tmp_path / "repository", model, engine, decoupled=False, generation="")
    server = Server(root, tmp_path / "repository", tmp_path / "triton.log")
    try:
        for name in MODELS:
            body = {"text_input": "Hello", "max_tokens": 8, "return_log_probs": True}
            status, text = server.get(f"/v2/models/{name}/generate", body)
            assert status == 200
            answer = json.loads(text)
            # The defaults of parameters that are not filled: the prompt is there, and greedy choices are certain.
            assert answer["text_output"].startswith("Hello")
            assert answer["output_log_probs"] == [0.0] * 8
            assert answer["cum_log_probs"] < -1
            body = {"text_input": "Hello", "max_tokens": 8, "stream": True}
            status, text = server.get(f"/v2/models/{name}/generate", body)
            assert status >= 400
            assert "streaming: needs a model that was filled with decoupled_mode:True" in text
    finally:
        server.kill()


def test_the_client_program_prints_the_answer(served, server: Server) -> None:
    root, _, _ = served
    whole = answers(server, "tensorrt_llm_bls", CHINESE, stream=False)[0].rstrip("\N{REPLACEMENT CHARACTER}")
    common = ["--port", server.grpc_port, "--question", CHINESE, "--max_tokens", 24, "--model", "tensorrt_llm_bls"]
    printed = root.run("opt/model_client/trt_llm.py", *common, "--overwrite-output-text")
    assert printed.rstrip("\n") == whole.rstrip("\n")


def request_metrics(server: Server) -> dict[str, float]:
    """The gauges of upstream's C++ backend, by the label that tells them apart."""
    address = f"http://127.0.0.1:{server.metrics_port}/metrics"
    with urllib.request.urlopen(address, timeout=60) as reply:
        lines = reply.read().decode().splitlines()
    gauge = re.compile(r"nv_trt_llm_(?:request|general)_metrics{(.*)} (\S+)")
    found = {}
    for labels, value in (match.groups() for match in map(gauge.fullmatch, lines) if match):
        named = dict(re.findall(r'(\w+)="(.*?)"', labels))
        assert (named.pop("model"), named.pop("version")) == ("tensorrt_llm", "1")
        [kind] = named.values()
        found[kind] = float(value)
    return found


def until_metrics(server: Server, after: float = -1, **wanted: float) -> dict[str, float]:
    """The gauges once they have the wanted values, and more than `after` steps were made."""
    deadline = time.monotonic() + 10
    while not (wanted.items() <= (metrics := request_metrics(server)).items() and metrics["iteration_counter"] > after):
        assert time.monotonic() < deadline, metrics
        time.sleep(0.02)
    return metrics


def test_the_requests_that_generate_are_seen_on_the_metrics_port(server: Server) -> None:
    idle = until_metrics(server, active=0)
    assert idle.keys() == {"active", "max", "scheduled", "context", "iteration_counter"}
    assert idle["max"] == 4
    texts = ask(server.url, "tensorrt_llm_bls", Question("Hello", LONG), timeout_seconds=60)
    next(texts)
    busy = until_metrics(server, idle["iteration_counter"], active=1, scheduled=1, context=0)
    texts.close()
    # The gauges are set one after the other.
    ended = until_metrics(server, active=0, scheduled=0, context=0)
    assert ended["iteration_counter"] >= busy["iteration_counter"]
    assert request_metrics(server) == ended
