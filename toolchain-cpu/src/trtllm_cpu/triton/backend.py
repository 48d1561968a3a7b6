"""The side towards Triton's Python backend. Importable only inside its processes, which bring the module it wraps.

That module gets its classes only after the model was imported, so nothing of it may be used while importing: hence the
postponed annotations here and in the two model files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import triton_python_backend_utils as pb_utils

from trtllm_cpu.errors import ToolchainError

from . import numpy_abi
from .tensors import RequestError, Tensors

numpy_abi.install(pb_utils)


def input_tensors(request: pb_utils.InferenceRequest) -> Tensors:
    return {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}


def output_tensor(name: str, value: np.ndarray) -> pb_utils.Tensor:
    """A tensor for a response or for another model's request; strings are made readable where they are serialized."""
    return pb_utils.Tensor(name, value if value.dtype == np.object_ else numpy_abi.readable_array(value))


def response(request: pb_utils.InferenceRequest, outputs: Mapping[str, np.ndarray]) -> pb_utils.InferenceResponse:
    """A response with those of the outputs that were asked for."""
    requested = set(request.requested_output_names())
    return pb_utils.InferenceResponse(
        [output_tensor(name, value) for name, value in outputs.items() if name in requested]
    )


def error_response(message: str) -> pb_utils.InferenceResponse:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message))


def answer(
    request: pb_utils.InferenceRequest, compute: Callable[[Tensors], Mapping[str, np.ndarray]]
) -> pb_utils.InferenceResponse:
    """The one response of a model that computes at once; a refused request gets its error and harms no other."""
    try:
        return response(request, compute(input_tensors(request)))
    except ToolchainError as error:
        return error_response(str(error))


def final_flag() -> int:
    return pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class ResponseStream:
    """The responses to one request. A model that is not decoupled may send exactly one, itself the final one."""

    def __init__(self, request: pb_utils.InferenceRequest, decoupled: bool) -> None:
        self._request = request
        self._sender = request.get_response_sender()
        self._decoupled = decoupled

    def is_cancelled(self) -> bool:
        return self._sender.is_cancelled()

    def send(self, outputs: Mapping[str, np.ndarray]) -> None:
        self._sender.send(response(self._request, outputs), flags=0 if self._decoupled else final_flag())

    def finish(self) -> None:
        """Sends the final flag; on a decoupled model as a response of its own, without outputs."""
        if self._decoupled:
            self._sender.send(flags=final_flag())

    def fail(self, message: str) -> None:
        self._sender.send(error_response(message), flags=final_flag())


def call_model(name: str, inputs: Tensors, outputs: list[str], request_id: str = "") -> Iterator[Tensors]:
    """Runs another model of this server and yields its responses, an empty final one left out.

    Raises RequestError with the model's message if it answers with an error.
    """
    request = pb_utils.InferenceRequest(
        model_name=name,
        request_id=request_id,
        requested_output_names=outputs,
        inputs=[output_tensor(tensor, value) for tensor, value in inputs.items()],
    )
    for reply in request.exec(decoupled=True):
        if reply.has_error():
            raise RequestError(reply.error().message())
        tensors = {tensor.name(): tensor.as_numpy() for tensor in reply.output_tensors()}
        if tensors:
            yield tensors
