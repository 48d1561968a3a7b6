"""tensorrt_llm: an engine of this toolchain behind upstream's tensors."""

from __future__ import annotations

import os
from pathlib import Path

import triton_python_backend_utils as pb_utils

from trtllm_cpu import logger
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError

from .backend import ResponseStream, input_tensors
from .generation_loop import Generation, GenerationLoop
from .parameters import ParameterError, Parameters
from .request_metrics import RequestMetrics
from .requests import Limits, parse_generation_request
from .tensors import RequestError, Tensors, scalar
from .token_responses import ResponseForm, TokenResponses

BATCHING_STRATEGIES = ("inflight_batching", "inflight_fused_batching")


class GenerationModel:
    """Loads the engine of gpt_model_path and answers requests from one generation loop."""

    def __init__(self, model_config: dict, version: str) -> None:
        """Raises ToolchainError if the parameters or the engine do not allow what was asked."""
        parameters = Parameters(model_config)
        check_parameters(parameters)
        engine = Engine.load(Path(parameters.required_text("gpt_model_path")))
        check_world_size(engine.config.world_size)
        self._limits = request_limits(engine, parameters)
        self._form = ResponseForm.of(parameters)
        self._decoupled = pb_utils.using_decoupled_model_transaction_policy(model_config)
        self._loop = GenerationLoop(engine, engine.config.max_batch_size)
        period = parameters.integer("stats_check_period_ms")
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


def check_parameters(parameters: Parameters) -> None:
    strategy = parameters.required_text("gpt_model_type")
    if strategy not in BATCHING_STRATEGIES:
        raise ParameterError(
            f"parameter gpt_model_type (batching_strategy): expected one of {BATCHING_STRATEGIES}, got {strategy!r}"
        )
    beams = parameters.integer("max_beam_width")
    if beams not in (None, 1):
        raise ParameterError(f"parameter max_beam_width: the CPU toolchain generates one beam, expected 1, got {beams}")


def check_world_size(engine_world_size: int) -> None:
    """An engine of n ranks runs only under n processes of mpirun."""
    launched = int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))
    if launched != engine_world_size:
        raise ParameterError(
            f"MPI size {launched} != TP size * PP size {engine_world_size} of the engine: launch with "
            f"--world_size {engine_world_size}"
        )


def request_limits(engine: Engine, parameters: Parameters) -> Limits:
    """The engine's lengths, and together what KV cache and attention window hold: there is no sliding window here."""
    config = engine.config
    windows = (parameters.integer(name) for name in ("max_tokens_in_paged_kv_cache", "max_attention_window_size"))
    longest = config.max_input_len + config.max_output_len
    return Limits(config.max_input_len, config.max_output_len, min([longest, *(size for size in windows if size)]))
