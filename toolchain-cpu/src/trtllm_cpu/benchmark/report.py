"""The numbers of a run, printed and stored as v0.10 prints and stores them."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from trtllm_cpu.benchmark.drive import Request

Metrics = dict[str, float]
"""Values by the keys of v0.10, in its order; counts are ints."""

_STATISTICS = ("avg", "max", "min", "p99", "p90", "p50")


def measure(requests: Sequence[Request], total_seconds: float, streaming: bool) -> Metrics:
    """Requests that failed are counted and otherwise left out; where none is left, latencies are nan."""
    served = [request for request in requests if request.failure is None]
    metrics: Metrics = {
        "num_samples": len(served),
        "num_error_samples": len(requests) - len(served),
        "total_latency(ms)": total_seconds * 1000,
        "seq_throughput(seq/sec)": len(served) / total_seconds,
        "token_throughput(token/sec)": sum(len(request.token_ids) for request in served) / total_seconds,
    }
    metrics |= _distribution("sequence_latency(ms)", (request.ended_at - request.arrives_at for request in served))
    if streaming:
        firsts = [(request.token_times or [request.ended_at])[0] for request in served]
        first_latencies = (first - request.arrives_at for first, request in zip(firsts, served, strict=True))
        metrics |= _distribution("time_to_first_token(ms)", first_latencies)
        times = [request.token_times for request in served if len(request.token_times) > 1]
        # An answer's mean counts once, however long the answer is.
        gaps = [(several[-1] - several[0]) / (len(several) - 1) for several in times]
        metrics |= _distribution("inter_token_latency(ms)", gaps or [0.0])
    return metrics


def _distribution(name: str, seconds: Iterable[float]) -> Metrics:
    ordered = sorted(value * 1000 for value in seconds)
    if not ordered:
        return {f"{statistic}_{name}": math.nan for statistic in _STATISTICS}
    percentiles = [ordered[math.ceil(share / 100 * len(ordered)) - 1] for share in (99, 90, 50)]
    values = [sum(ordered) / len(ordered), ordered[-1], ordered[0], *percentiles]
    return {f"{statistic}_{name}": value for statistic, value in zip(_STATISTICS, values, strict=True)}


def lines(metrics: Metrics) -> str:
    """The [BENCHMARK] lines, in groups; the number of samples stands in the first two of them."""
    counts, totals = list(metrics)[:2], ["num_samples", *list(metrics)[2:5]]
    distributions = [list(metrics)[start : start + 6] for start in range(5, len(metrics), 6)]
    groups = [counts, totals, *distributions]
    return "\n\n".join("\n".join(f"[BENCHMARK] {key} {_printed(metrics[key])}" for key in group) for group in groups)


def _printed(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def write_csv(path: Path, metrics: Metrics) -> None:
    """A line of names, which ends with a comma as v0.10's does, and a line of values."""
    header = "".join(f"{key}," for key in metrics)
    path.write_text(f"{header}\n{','.join(f'{value:g}' for value in metrics.values())}\n", encoding="utf-8")


def write_responses(path: Path, requests: Sequence[Request]) -> None:
    """The new token ids of every request that was served; ids count from 1."""
    responses = [
        {"response_id": number, "response_tokens": request.token_ids}
        for number, request in enumerate(requests, start=1)
        if request.failure is None
    ]
    path.write_text(json.dumps(responses, separators=(",", ":")), encoding="utf-8")
