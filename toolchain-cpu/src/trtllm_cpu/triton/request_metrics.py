"""The loop's statistics on Triton's metrics port, under the names of upstream's C++ backend.

Families of what this toolchain does not have (paged KV cache blocks, GPU memory) are left out rather than made up.
"""

from __future__ import annotations

import threading

import triton_python_backend_utils as pb_utils

from trtllm_cpu import logger

from .generation_loop import GenerationLoop

DEFAULT_PERIOD_MILLISECONDS = 100
"""Upstream's default of stats_check_period_ms."""

# Family, its description, the label that tells its gauges apart, and the gauges: label value to LoopStatistics field.
# They are set in this order: whoever sees that nothing is active sees the last count of steps.
FAMILIES = (
    ("nv_trt_llm_general_metrics", "General TRT LLM metrics", "general_type", {"iteration_counter": "steps"}),
    (
        "nv_trt_llm_request_metrics",
        "TRT LLM request metrics",
        "request_type",
        {"active": "active", "max": "max_active", "scheduled": "scheduled", "context": "context"},
    ),
)


class RequestMetrics:
    """Publishes what changed, once a period, from a thread of its own until it is closed.

    A server that was started without metrics serves all the same.
    """

    def __init__(self, model: str, version: str, loop: GenerationLoop, period_milliseconds: int | None) -> None:
        self._loop = loop
        self._period_seconds = (period_milliseconds or DEFAULT_PERIOD_MILLISECONDS) / 1000
        self._closed = threading.Event()
        self._published: dict[str, int] = {}
        self._thread: threading.Thread | None = None
        try:
            # A family must outlive its gauges, so both are kept.
            self._families, self._gauges = new_gauges({"model": model, "version": version})
        except pb_utils.TritonModelException as error:
            logger.info(f"no request metrics: {error}")
            return
        self._publish()
        self._thread = threading.Thread(target=self._run, name="metrics")
        self._thread.start()

    def close(self) -> None:
        """Returns when nothing is published any more; the loop may be closed before or after."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(self._period_seconds):
            self._publish()

    def _publish(self) -> None:
        statistics = self._loop.statistics()
        for field, gauge in self._gauges.items():
            value = getattr(statistics, field)
            if self._published.get(field) != value:
                gauge.set(value)
                self._published[field] = value


def new_gauges(labels: dict[str, str]) -> tuple[list[pb_utils.MetricFamily], dict[str, pb_utils.Metric]]:
    """The families, and their gauges by the LoopStatistics field that each of them shows."""
    families, gauges = [], {}
    for name, description, label, fields in FAMILIES:
        family = pb_utils.MetricFamily(name=name, description=description, kind=pb_utils.MetricFamily.GAUGE)
        families.append(family)
        gauges |= {field: family.Metric(labels=labels | {label: value}) for value, field in fields.items()}
    return families, gauges
