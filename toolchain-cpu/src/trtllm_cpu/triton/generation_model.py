"""tensorrt_llm: an engine of this toolchain behind upstream's tensors."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import triton_python_backend_utils as pb_utils

from trtllm_cpu import logger
from trtllm_cpu.engine.inflight_batcher import BatchLimits, InflightBatcher
from trtllm_cpu.engine.launched import Leader, follow, join_team
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError

from .backend import ResponseStream, input_tensors
from .cancellation import CHECK_PERIOD_SECONDS
from .generation_loop import Generation, GenerationLoop
from .parameters import ParameterError, Parameters
from .request_metrics import RequestMetrics
from .requests import Limits, parse_generation_request
from .tensors import RequestError, Tensors, scalar
from .token_responses import ResponseForm, TokenResponses

SERVER_PID = os.getppid()
"""The tritonserver that started this process."""

BATCHING_STRATEGIES = ("inflight_batching", "inflight_fused_batching")


class GenerationModel:
    """Loads the engine of gpt_model_path and answers requests from one generation loop.

    On a rank above 0 making it runs the engine for the leader, and never succeeds: only rank 0 serves.
    """

    def __init__(self, model_config: dict, version: str) -> None:
        """Raises ToolchainError if the parameters or the engine do not allow what was asked."""
        parameters = Parameters(model_config)
        check_parameters(parameters)
        self._team = join_team(end_server)
        if self._team is not None and self._team.rank > 0:
            follow(self._team)
            # Loading fails, so this rank's server ends without having opened a port.
            raise ToolchainError("the leader has ended, and so does this rank's server")
        engine = Leader(self._team).load(Path(parameters.required_text("gpt_model_path")))
        self._limits = request_limits(engine, parameters)
        self._form = ResponseForm.of(parameters)
        self._decoupled = pb_utils.using_decoupled_model_transaction_policy(model_config)
        limits = BatchLimits(engine.config.max_batch_size, parameters.integer("max_tokens_in_paged_kv_cache"))
        check_milliseconds = parameters.integer("cancellation_check_period_ms")
        check_seconds = CHECK_PERIOD_SECONDS if check_milliseconds is None else check_milliseconds / 1000
        # All parameters are read before threads are started: the process of a model that fails to load waits for them.
        period = parameters.integer("stats_check_period_ms")
        self._loop = GenerationLoop(InflightBatcher(engine, limits), check_seconds)
        self._metrics = RequestMetrics(model_config["name"], version, self._loop, period)
        logger.info(f"engine loaded: max_batch_size {engine.config.max_batch_size}, {self._limits}")

    def accept(self, request: pb_utils.InferenceRequest) -> None:
        """Takes a request up; its responses come from the loop. Never raises for what a client sent."""
        stream = ResponseStream(request, self._decoupled)
        try:
            tensors = input_tensors(request)
            self._check_decoupled(tensors)
            if scalar(tensors, "stop", False):
                self._stop(request.request_id())
                stream.finish()
                return
            parsed = parse_generation_request(tensors, self._limits)
        except ToolchainError as error:
            stream.fail(str(error))
            return
        receiver = TokenResponses(stream, parsed, self._form)
        self._loop.submit(Generation(request.request_id(), parsed, receiver))

    def _stop(self, request_id: str) -> None:
        if not request_id:
            raise RequestError("stop: needs the request id that the request to be stopped has")
        self._loop.stop(request_id)

    def _check_decoupled(self, tensors: Tensors) -> None:
        for name in ("streaming", "stop"):
            if scalar(tensors, name, False) and not self._decoupled:
                raise RequestError(f"{name}: needs a model that was filled with decoupled_mode:True")

    def close(self) -> None:
        self._metrics.close()
        self._loop.close()
        if self._team is not None:
            self._team.close()


def check_parameters(parameters: Parameters) -> None:
    strategy = parameters.required_text("gpt_model_type")
    if strategy not in BATCHING_STRATEGIES:
        raise ParameterError(
            f"parameter gpt_model_type (batching_strategy): expected one of {BATCHING_STRATEGIES}, got {strategy!r}"
        )
    beams = parameters.integer("max_beam_width")
    if beams not in (None, 1):
        raise ParameterError(f"parameter max_beam_width: the CPU toolchain generates one beam, expected 1, got {beams}")


def end_server(rank: int) -> None:
    """Ends this rank's tritonserver, and with it the whole launch: the process of another rank has died."""
    logger.error(f"the model process of rank {rank} has died: this rank's server ends too")
    os.kill(SERVER_PID, signal.SIGKILL)
    os._exit(1)


def request_limits(engine: Engine, parameters: Parameters) -> Limits:
    """The engine's lengths, and together what KV cache and attention window hold: there is no sliding window here."""
    config = engine.config
    windows = (parameters.integer(name) for name in ("max_tokens_in_paged_kv_cache", "max_attention_window_size"))
    longest = config.max_input_len + config.max_output_len
    return Limits(config.max_input_len, config.max_output_len, min([longest, *(size for size in windows if size)]))
