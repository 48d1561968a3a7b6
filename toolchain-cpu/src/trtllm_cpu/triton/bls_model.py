"""tensorrt_llm_bls: serves each request in a thread of its own, so that none waits for another's tokens."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor

import triton_python_backend_utils as pb_utils

from trtllm_cpu import logger
from trtllm_cpu.errors import ToolchainError

from .backend import ResponseStream, input_tensors
from .bls import run_pipeline
from .parameters import ParameterError, Parameters


class BlsModel:
    def __init__(self, model_config: dict) -> None:
        parameters = Parameters(model_config)
        # Left unfilled, the model loads all the same and its requests fail, as upstream's does up to v0.12.
        self._generation_model = parameters.text("tensorrt_llm_model_name")
        self._accumulate_tokens = parameters.flag("accumulate_tokens", default=False)
        self._decoupled = pb_utils.using_decoupled_model_transaction_policy(model_config)
        self._threads = ThreadPoolExecutor(max(1, model_config["max_batch_size"]), thread_name_prefix="bls")

    def accept(self, request: pb_utils.InferenceRequest) -> None:
        self._threads.submit(self._serve, request, ResponseStream(request, self._decoupled))

    def close(self) -> None:
        self._threads.shutdown()

    def _serve(self, request: pb_utils.InferenceRequest, stream: ResponseStream) -> None:
        try:
            if self._generation_model is None:
                raise ParameterError("tensorrt_llm_bls was filled without tensorrt_llm_model_name: use the ensemble")
            run_pipeline(input_tensors(request), stream, self._generation_model, self._accumulate_tokens)
        except ToolchainError as error:
            stream.fail(str(error))
        except Exception as error:
            logger.error(f"request {request.request_id()!r} failed:\n{traceback.format_exc()}")
            stream.fail(f"tensorrt_llm_bls failed: {error}")
