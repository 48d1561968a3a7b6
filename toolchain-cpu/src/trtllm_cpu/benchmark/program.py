"""The run of gptManagerBenchmark."""

import json
import os
import resource
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from trtllm_cpu.benchmark import log
from trtllm_cpu.benchmark.drive import Limits, Request, drive
from trtllm_cpu.benchmark.flags import DESCRIPTION, LOG_LEVELS, OPTIONS, TITLE, check_flags
from trtllm_cpu.benchmark.gate import Gate
from trtllm_cpu.benchmark.options import OptionError, parse_options, usage
from trtllm_cpu.benchmark.report import lines, measure, write_csv, write_responses
from trtllm_cpu.benchmark.workload import arrivals, read_samples
from trtllm_cpu.engine.inflight_batcher import BatchLimits, InflightBatcher, Step
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.programs.launch import load_launched_engine


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code. Bad usage ends the process as an uncaught C++ exception does, by SIGABRT."""
    try:
        flags = parse_options(OPTIONS, sys.argv[1:] if argv is None else argv)
    except OptionError as error:
        _abort(error)
    if flags.help or flags.engine_dir is None:
        print(usage(TITLE, DESCRIPTION, OPTIONS), flush=True)
        if flags.help:
            return 0
        log.error("Please specify engine directory.")
        return 1
    try:
        check_flags(flags)
        _run(flags)
    except ToolchainError as error:
        log.error(str(error))
        return 1
    return 0


def _run(flags: Namespace) -> None:
    samples = read_samples(flags)
    engine = load_launched_engine(Path(flags.engine_dir))
    batch_limits = BatchLimits(engine.config.max_batch_size, flags.max_tokens_in_paged_kvcache)
    batcher = InflightBatcher(engine, batch_limits, joins_running=flags.type != "V1")
    limits = Limits.of_flags(flags)
    drive(batcher, [Request(samples[0], 0.0) for _ in range(flags.warm_up)], limits, Gate(None, 0.0))
    requests = [Request(*of) for of in zip(samples, arrivals(flags, len(samples)), strict=True)]
    total_seconds = drive(batcher, requests, limits, _gate(flags), _step_logger(flags, batcher))
    batcher.close()
    for number, request in enumerate(requests, start=1):
        if request.failure is not None:
            log.error(f"request {number}: {request.failure}")
    metrics = measure(requests, total_seconds, flags.streaming)
    print(lines(metrics), flush=True)
    if flags.output_csv:
        write_csv(Path(flags.output_csv), metrics)
    if flags.responses_json_file:
        write_responses(Path(flags.responses_json_file), requests)


def _gate(flags: Namespace) -> Gate:
    if flags.static_emulated_batch_size is not None:
        return Gate(flags.static_emulated_batch_size, flags.static_emulated_timeout / 1000)
    return Gate(None, (flags.first_batch_delay or 0) / 1000)


def _step_logger(flags: Namespace, batcher: InflightBatcher) -> Callable[[Step], None]:
    if not flags.log_iteration_data or LOG_LEVELS.index(flags.log_level) < LOG_LEVELS.index("info"):
        return lambda _step: None
    numbers = count()

    def show(step: Step) -> None:
        values = {
            "Active Request Count": batcher.running,
            "Context Requests": step.context,
            "Generation Requests": step.generation,
            "Iteration Counter": next(numbers),
            "Max Request Count": batcher.limits.max_requests,
            "Scheduled Requests": step.context + step.generation,
            "Timestamp": time.strftime("%m-%d-%Y %H:%M:%S"),
        }
        log.info(json.dumps(values, separators=(",", ":")))

    return show


def _abort(error: OptionError) -> None:
    print(f"terminate called after throwing an instance of '{error.exception}'", file=sys.stderr)
    print(f"  what():  {error}", file=sys.stderr, flush=True)
    # The memory of a Python process would tell nobody anything.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()
