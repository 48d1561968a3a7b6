"""tensorrt_llm_bls: one request after the other in each instance, as upstream's; `bls_instance_count` makes more."""

from __future__ import annotations

import traceback

import triton_python_backend_utils as pb_utils

from trtllm_cpu import logger
from trtllm_cpu.errors import ToolchainError

from .backend import ResponseStream, StreamedCalls, input_tensors
from .bls import run_pipeline
from .parameters import ParameterError, Parameters


class BlsModel:
    def __init__(self, model_config: dict) -> None:
        parameters = Parameters(model_config)
        # Left unfilled, the model loads all the same and its requests fail, as upstream's does up to v0.12.
        self._generation_model = parameters.text("tensorrt_llm_model_name")
        self._accumulate_tokens = parameters.flag("accumulate_tokens", default=False)
        self._decoupled = pb_utils.using_decoupled_model_transaction_policy(model_config)
        self._calls = StreamedCalls()

    def serve(self, request: pb_utils.InferenceRequest) -> None:
        """Answers a request to its end. Never raises for what a client sent."""
        stream = ResponseStream(request, self._decoupled)
        self._calls.release(stream)
        try:
            if self._generation_model is None:
                raise ParameterError("tensorrt_llm_bls was filled without tensorrt_llm_model_name: use the ensemble")
            tensors = input_tensors(request)
            run_pipeline(tensors, stream, self._calls, self._generation_model, self._accumulate_tokens)
        except ToolchainError as error:
            stream.fail(str(error))
        except Exception as error:
            logger.error(f"request {request.request_id()!r} failed:\n{traceback.format_exc()}")
            stream.fail(f"tensorrt_llm_bls failed: {error}")

    def close(self) -> None:
        self._calls.close()
