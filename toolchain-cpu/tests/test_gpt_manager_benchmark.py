"""gptManagerBenchmark as its users run it, on engines of the tiny model."""

import csv
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from conftest import PROGRAMS
from parallel_engine import run_ranks
from toolchain import ROOT

from trtllm_cpu.benchmark.drive import Request
from trtllm_cpu.benchmark.flags import OPTIONS
from trtllm_cpu.benchmark.gate import Gate
from trtllm_cpu.benchmark.report import measure
from trtllm_cpu.benchmark.workload import Sample, exponential_delays
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError

PROMPTS = [[3, 14, 15, 92, 65], [1, 2], list(range(20, 50)), [7], [88, 42, 61, 5, 9, 11, 40]]
LENGTHS = [5, 16, 9, 12, 2]
LINE = re.compile(r"\[BENCHMARK\] (\S+?)(?:\(([^)]*)\))? (-?[\d.]+|nan|inf)")
STATISTICS = ("avg", "max", "min", "p99", "p90", "p50")
KEYS = [
    *("num_samples", "num_error_samples", "num_samples", "total_latency", "seq_throughput", "token_throughput"),
    *(f"{statistic}_sequence_latency" for statistic in STATISTICS),
]
STREAMING_KEYS = [
    *KEYS,
    *(f"{statistic}_time_to_first_token" for statistic in STATISTICS),
    *(f"{statistic}_inter_token_latency" for statistic in STATISTICS),
]
Benchmark = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def engine(checkpoints, run_program, tmp_path_factory) -> Path:
    """An engine for three requests at once."""
    directory = tmp_path_factory.mktemp("benchmarked")
    flags = ("--max_batch_size", "3", "--max_input_len", "32", "--max_output_len", "16")
    ended = run_program("build", "--checkpoint_dir", checkpoints["full_prec"], "--output_dir", directory, *flags)
    assert ended.returncode == 0, ended.stderr
    return directory


@pytest.fixture(scope="module")
def workload(tmp_path_factory) -> Path:
    """PROMPTS and LENGTHS as prepare_dataset.py writes them, with a comment."""
    samples = [
        {"input_len": len(prompt), "input_ids": prompt, "output_len": length, "task_id": -1}
        for prompt, length in zip(PROMPTS, LENGTHS, strict=True)
    ]
    path = tmp_path_factory.mktemp("workload") / "tokens.json"
    path.write_text("// by hand\n" + json.dumps({"metadata": {"workload_name": "http://x"}, "samples": samples}))
    return path


@pytest.fixture(scope="module")
def benchmark(engine, workload, run_program) -> Benchmark:
    """benchmark(*flags): the program on that engine and workload; returns the ended process."""
    return lambda *flags: run_program("benchmark", "--engine_dir", engine, "--dataset", workload, *flags)


@pytest.fixture(scope="module")
def alone(engine) -> list[list[int]]:
    """What the engine answers each prompt when it runs alone."""
    loaded = Engine.load(engine)
    requests = zip(PROMPTS, LENGTHS, strict=True)
    return [[choice.token_id for choice in loaded.start(prompt, length, None)] for prompt, length in requests]


def results(ended: CompletedProcess[str]) -> dict[str, float]:
    assert ended.returncode == 0, ended.stderr
    return {match[1]: float(match[3]) for match in map(LINE.fullmatch, ended.stdout.splitlines()) if match}


def steps(ended: CompletedProcess[str]) -> list[tuple[int, int]]:
    """(prompts read, requests taken further) of each measured step, from the lines of --log_iteration_data."""
    assert ended.returncode == 0, ended.stderr
    logged = re.findall(r"^\[TensorRT-LLM\]\[INFO\] (\{.*)$", ended.stdout, re.MULTILINE)
    return [(step["Context Requests"], step["Generation Requests"]) for step in map(json.loads, logged)]


LOGGED = ("--log_iteration_data", "--log_level", "info")


@pytest.mark.parametrize(("flags", "keys"), [((), KEYS), (("--streaming",), STREAMING_KEYS)])
def test_it_prints_the_lines_of_the_release_and_stores_the_same_numbers(benchmark, tmp_path, flags, keys) -> None:
    ended = benchmark("--output_csv", tmp_path / "results.csv", *flags)
    found = results(ended)
    lines = [line for line in ended.stdout.splitlines() if line]
    assert [match[1] for match in map(LINE.fullmatch, lines)] == keys
    assert [line.split()[-1] for line in lines if "num_" in line] == ["5", "0", "5"]
    assert all(re.fullmatch(r"\d+\.\d\d", line.split()[-1]) for line in lines if "num_" not in line)
    rows = list(csv.reader((tmp_path / "results.csv").read_text().splitlines()))
    assert rows[0] == [*dict.fromkeys(line.split()[1] for line in lines), ""]
    assert [float(value) for value in rows[1]] == pytest.approx(list(found.values()), rel=1e-3, abs=0.01)


def test_its_numbers_fit_together(benchmark) -> None:
    found = results(benchmark("--streaming", "--warm_up", "0"))
    seconds = found["total_latency"] / 1000
    assert found["seq_throughput"] * seconds == pytest.approx(5, rel=0.05)
    assert found["token_throughput"] * seconds == pytest.approx(sum(LENGTHS), rel=0.05)
    # All came at once, so the last one to end took as long as it all did.
    assert found["max_sequence_latency"] == pytest.approx(found["total_latency"], rel=0.05)
    for name in ("sequence_latency", "time_to_first_token", "inter_token_latency"):
        ordered = [found[f"{statistic}_{name}"] for statistic in ("min", "p50", "p90", "p99", "max")]
        assert ordered == sorted(ordered)
        assert ordered[0] <= found[f"avg_{name}"] <= ordered[-1]
    assert found["max_time_to_first_token"] < found["max_sequence_latency"]


@pytest.mark.parametrize("batching", ["IFB", "UIFB", "V1"])
def test_every_type_of_batching_generates_what_the_engine_answers_alone(benchmark, alone, tmp_path, batching) -> None:
    results(benchmark("--type", batching, "--responses_json_file", tmp_path / "responses.json"))
    responses = json.loads((tmp_path / "responses.json").read_text())
    assert responses == [
        {"response_id": number, "response_tokens": tokens} for number, tokens in enumerate(alone, start=1)
    ]


def test_requests_join_a_running_batch_in_ifb_and_wait_for_its_end_in_v1(benchmark) -> None:
    in_flight, static = steps(benchmark(*LOGGED)), steps(benchmark("--type", "V1", *LOGGED))
    assert in_flight[0] == static[0] == (3, 0)
    assert [index for index, (context, _) in enumerate(static) if context] == [0, 15]
    assert (1, 3) in in_flight
    assert len(in_flight) < len(static)
    assert not steps(benchmark("--log_iteration_data"))


def test_emulated_static_batches_have_their_size_and_the_last_goes_after_its_timeout(benchmark) -> None:
    ended = benchmark("--static_emulated_batch_size", "2", "--static_emulated_timeout", "300", *LOGGED)
    assert [step for step in steps(ended) if step[0]] == [(2, 0), (2, 0), (1, 0)]
    assert results(ended)["total_latency"] > 300


def test_requests_arrive_at_the_rate_that_was_asked_for(benchmark) -> None:
    found = results(benchmark("--request_rate", "4"))
    assert found["total_latency"] > 4 * 250
    # Each counts from its own arrival.
    assert found["max_sequence_latency"] < found["total_latency"] - 250
    delayed = results(benchmark("--first_batch_delay", "400", "--streaming"))
    assert delayed["min_time_to_first_token"] > 400


def test_exponential_delays_are_those_of_the_c_plus_plus_library() -> None:
    # std::exponential_distribution<double>(20.0f) over std::mt19937(420), printed with %.17g by a program of GCC 12.
    drawn = [0.035523823436155115, 0.0087508875839626184, 0.10421553272943677, 0.0057231227790707382]
    np.testing.assert_allclose(exponential_delays(4, 20.0, 420), drawn, rtol=1e-14)


def test_answers_end_at_eos_id(benchmark, alone, tmp_path) -> None:
    end = alone[1][3]
    found = results(benchmark("--eos_id", end, "--responses_json_file", tmp_path / "responses.json"))
    expected = [tokens[: tokens.index(end)] if end in tokens else tokens for tokens in alone]
    responses = json.loads((tmp_path / "responses.json").read_text())
    assert [response["response_tokens"] for response in responses] == expected
    assert found["token_throughput"] * found["total_latency"] / 1000 == pytest.approx(sum(map(len, expected)), rel=0.05)


def test_the_cache_holds_no_more_tokens_than_it_was_given(benchmark) -> None:
    ended = benchmark("--max_tokens_in_paged_kvcache", "38", *LOGGED)
    found = results(ended)
    # The third request alone needs 39; the first two, 28 together, leave no room for the fourth.
    assert (found["num_samples"], found["num_error_samples"]) == (4, 1)
    assert "request 3: 39 tokens of prompt and answer are more than the 38" in ended.stderr
    assert steps(ended)[0] == (2, 0)
    assert max(generation for _, generation in steps(ended)) == 2


def test_a_request_beyond_the_engines_limits_is_counted_and_harms_no_other(benchmark, tmp_path) -> None:
    samples = [{"input_ids": [1] * 33, "output_len": 2}, {"input_ids": [5, 6], "output_len": 3}]
    (tmp_path / "long.json").write_text(json.dumps({"samples": samples}))
    ended = benchmark("--dataset", tmp_path / "long.json")
    found = results(ended)
    assert (found["num_samples"], found["num_error_samples"]) == (1, 1)
    assert (
        ended.stderr == "[TensorRT-LLM][ERROR] request 1: the prompt has 33 tokens; this engine's max_input_len is 32\n"
    )
    cut = results(benchmark("--dataset", tmp_path / "long.json", "--max_prompt_len", "32"))
    assert cut["num_samples"] == 2
    assert results(benchmark("--max_num_samples", "2"))["num_samples"] == 2


@pytest.mark.parametrize(
    ("flags", "exception", "words"),
    [
        (["--no_such_flag"], "no_such_option", "‘no_such_flag’ does not exist"),  # noqa: RUF001
        (["--stream"], "no_such_option", "‘stream’ does not exist"),  # noqa: RUF001
        (["--warm_up"], "missing_argument", "‘warm_up’ is missing an argument"),  # noqa: RUF001
        (["--warm_up", "--streaming"], "incorrect_argument_type", "‘--streaming’ failed to parse"),  # noqa: RUF001
        (["--streaming=yes"], "incorrect_argument_type", "‘yes’ failed to parse"),  # noqa: RUF001
        (["--beam_width=1x"], "incorrect_argument_type", "‘1x’ failed to parse"),  # noqa: RUF001
        (["---streaming"], "invalid_option_syntax", "incorrect syntax"),
    ],
)
def test_bad_usage_aborts_as_an_exception_that_nobody_catches_does(benchmark, flags, exception, words) -> None:
    ended = benchmark(*flags)
    assert ended.returncode == -signal.SIGABRT
    assert f"an instance of 'cxxopts::exceptions::{exception}'" in ended.stderr and words in ended.stderr
    assert not ended.stdout


def test_a_switch_takes_no_value_of_its_own_and_what_belongs_to_no_flag_is_ignored(benchmark) -> None:
    streamed = [("--streaming",), ("--streaming=true",), ("--streaming=1",), ("--streaming", "false")]
    assert all("p50_inter_token_latency" in results(benchmark(*flags)) for flags in streamed)
    for flags in (("--streaming=false",), ("--streaming", "--streaming=F"), ("--", "--streaming")):
        assert "p50_inter_token_latency" not in results(benchmark(*flags))


def test_help_and_a_missing_engine_directory_show_every_flag(run_program) -> None:
    asked, missing = run_program("benchmark", "-h"), run_program("benchmark", "--dataset", "x")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert (missing.returncode, missing.stderr) == (1, "[TensorRT-LLM][ERROR] Please specify engine directory.\n")
    assert asked.stdout == missing.stdout
    assert all(f"--{option.name} " in asked.stdout for option in OPTIONS)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dataset", "missing.json"], "File does not exist: missing.json"),
        (["--dataset", "/"], "--dataset: / is no workload"),
        (["--engine_dir", "missing"], "missing/config.json is missing"),
        (["--type", "v1"], "Unexpected batching type: v1"),
        (["--scheduler_policy", "x"], "Unexpected scheduler policy: x"),
        (["--log_level", "x"], "Unexpected log level: x"),
        (["--api", "x"], "api parameter must be gptManager or executor"),
        (["--gpu_weights_percent", "2"], "--gpu_weights_percent must be between 0.0 and 1.0 but got: 2.000000"),
        (["--api", "executor", "--static_emulated_batch_size", "2", "--request_rate", "3"], "doesn't support delays"),
        (["--scheduler_policy", "max_utilization"], "--scheduler_policy max_utilization"),
        (["--gpu_weights_percent", "0.5"], "--gpu_weights_percent 0.5"),
        (["--beam_width", "2"], "--beam_width 2"),
        (["--enable_kv_cache_reuse"], "--enable_kv_cache_reuse"),
        (["--enable_chunked_context"], "--enable_chunked_context"),
        (["--return_context_logits"], "--return_context_logits"),
        (["--return_generation_logits"], "--return_generation_logits"),
        (["--lora_dir", "x"], "--lora_dir x"),
        (["--lora_host_cache_bytes", "1"], "--lora_host_cache_bytes 1"),
        (["--lora_num_device_mod_layers", "1"], "--lora_num_device_mod_layers 1"),
        (["--kv_host_cache_bytes", "1"], "--kv_host_cache_bytes 1"),
        (["--kv_dont_onboard_blocks"], "--kv_dont_onboard_blocks"),
        (["--dump_profile"], "--dump_profile"),
        (["--max_num_samples", "0"], "--max_num_samples: expected at least 1, got 0"),
        (["--output_csv", "no/where.csv"], "--output_csv: no is no directory"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(benchmark, flags, words) -> None:
    ended = benchmark(*flags)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("[TensorRT-LLM][ERROR] ") and words in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"samples": []}',
        '{"samples": [{"input_ids": [1]}]}',
        '{"samples": [{"input_ids": [1], "output_len": 1, "task_id": 0}]}',
    ],
)
def test_a_file_that_is_no_workload_is_named(benchmark, tmp_path, content) -> None:
    (tmp_path / "other.json").write_text(content)
    ended = benchmark("--dataset", tmp_path / "other.json")
    assert ended.returncode == 1
    assert ended.stderr.startswith("[TensorRT-LLM][ERROR] --dataset: ")


def test_it_drives_all_ranks_of_a_parallel_engine(
    tiny_model, run_program, workload, benchmark, alone, tmp_path
) -> None:
    sizes = ("--tp_size", "2", "--pp_size", "2")
    made = [
        run_program("quantize", "--model_dir", tiny_model, "--output_dir", tmp_path / "checkpoint", *sizes),
        run_program(
            *("build", "--checkpoint_dir", tmp_path / "checkpoint", "--output_dir", tmp_path / "engine"),
            *("--max_batch_size", "3", "--max_input_len", "32", "--max_output_len", "16"),
        ),
    ]
    assert [ended.returncode for ended in made] == [0, 0]
    flags = ("--engine_dir", tmp_path / "engine", "--dataset", workload)
    ended = run_ranks(
        4, PROGRAMS["benchmark"], *flags, "--responses_json_file", tmp_path / "responses.json", cwd=tmp_path
    )
    assert results(ended)["num_samples"] == 5
    assert [response["response_tokens"] for response in json.loads((tmp_path / "responses.json").read_text())] == alone
    assert "MPI size 1 is not tp x pp = 4" in benchmark(*flags[:2]).stderr


def test_latencies_are_counted_from_each_requests_arrival_and_percentiles_are_measured_values() -> None:
    requests = [
        Request(Sample([1], 3), float(number), [number + 0.5, number + 0.75, number + 1.5], [7, 8, 9], number + number)
        for number in range(2, 12)
    ]
    requests.append(Request(Sample([1], 1), 0.0, ended_at=0.0, failure=ToolchainError("too long")))
    found = measure(requests, total_seconds=20.0, streaming=True)
    assert list(found.values()) == [
        *(10, 1, 20_000, 0.5, 1.5),
        *(6500, 11_000, 2000, 11_000, 10_000, 6000),
        *[500] * 6,
        *[500] * 6,
    ]


def test_a_gate_emulates_static_batches() -> None:
    gate = Gate(batch_size=3, delay_seconds=1.0)
    assert gate.let_pass(waiting=0, running=0, now=5.0) == 0
    # The timeout begins with the first request that waits, and does not stop the batch before it.
    assert gate.let_pass(waiting=2, running=0, now=5.5) == 0
    assert gate.let_pass(waiting=2, running=0, now=6.0) == 2
    assert gate.let_pass(waiting=4, running=2, now=9.0) == 0
    assert gate.let_pass(waiting=4, running=0, now=9.0) == 3
    assert gate.let_pass(waiting=1, running=0, now=9.5) == 0


def test_its_flags_and_defaults_are_those_of_the_release() -> None:
    contract = json.loads((Path(__file__).parent / "contracts/gptManagerBenchmark.v0.10.0.json").read_text())
    switches = {flag["options"][0] for flag in contract if flag["type"] == "bool"}
    assert [f"--{option.name}" for option in OPTIONS] == [flag["options"][0] for flag in contract[1:]]
    assert {f"--{option.name}" for option in OPTIONS if option.is_switch} == switches
    assert [option.default for option in OPTIONS] == [flag["default"] for flag in contract[1:]]


def test_it_can_be_started_by_its_path_as_the_real_one() -> None:
    assert (ROOT / PROGRAMS["benchmark"]).stat().st_mode & 0o111 == 0o111
