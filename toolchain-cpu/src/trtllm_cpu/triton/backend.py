"""The side towards Triton's Python backend. Importable only inside its processes, which bring the module it wraps.

That module gets its classes only after the model was imported, so nothing of it may be used while importing: hence the
postponed annotations here and in the two model files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

import numpy as np
import triton_python_backend_utils as pb_utils

from trtllm_cpu.errors import ToolchainError

from .tensors import RequestError, Tensors


def input_tensors(request: pb_utils.InferenceRequest) -> Tensors:
    return {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}


def response(request: pb_utils.InferenceRequest, outputs: Mapping[str, np.ndarray]) -> pb_utils.InferenceResponse:
    """A response with those of the outputs that were asked for."""
    requested = set(request.requested_output_names())
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor(name, value) for name, value in outputs.items() if name in requested]
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
        self.is_finished = False
        """Whether the final response has been sent: Triton has let go of the request."""

    def is_cancelled(self) -> bool:
        return not self.is_finished and self._sender.is_cancelled()

    def send(self, outputs: Mapping[str, np.ndarray], final: bool = False) -> None:
        is_final = final or not self._decoupled
        self._sender.send(response(self._request, outputs), flags=final_flag() if is_final else 0)
        self.is_finished = is_final

    def finish(self) -> None:
        """Sends the final flag, as a response of its own without outputs, unless it has been sent."""
        if not self.is_finished:
            self._sender.send(flags=final_flag())
            self.is_finished = True

    def fail(self, message: str) -> None:
        """Sends an error as the final response, unless that has been sent."""
        if not self.is_finished:
            self._sender.send(error_response(message), flags=final_flag())
            self.is_finished = True


def call_model(name: str, inputs: Tensors, outputs: list[str]) -> Tensors:
    """Runs another model of this server that answers once. Raises RequestError with its message if that is an error."""
    return response_tensors(model_request(name, inputs, outputs).exec())


class StreamedCalls:
    """Runs models of this server that stream, with respect for what the stub of Triton 2.51 does with iterators:

    - It knows each by an index, and forgets an ended one in a thread of its own, without Python's lock. If it is the
      last one to have it, that frees arrays while Python runs, and the heap breaks. So ended ones are kept for a while.
    - It puts what still comes into one that nobody reads any more. So each is read to its end.
    - A thread that waits for a second response holds the iterator while it waits for Python's lock, and a thread that
      makes another call holds Python's lock while it waits for the index: both may wait forever. So calls are made
      beside one that waits for its first response, and beside no other.
    """

    def __init__(self) -> None:
        self._ended: list[Iterator[pb_utils.InferenceResponse]] = []

    def stream(
        self, name: str, inputs: Tensors, outputs: list[str], request_id: str, beside: AbstractContextManager
    ) -> Iterator[Tensors]:
        """Yields the responses, an empty final one left out; whoever leaves early waits for that one all the same.

        `beside` is entered while the first response is waited for, and only then may it call other models. Raises
        RequestError with the model's message if it answers with an error.
        """
        with beside:
            replies = iter(model_request(name, inputs, outputs, request_id).exec(decoupled=True))
        try:
            for reply in replies:
                tensors = response_tensors(reply)
                if tensors:
                    yield tensors
        finally:
            for _ in replies:
                pass
            self._ended.append(replies)

    def release(self, stream: ResponseStream) -> None:
        """Lets go of what has ended. The stream must be a new one: the stub keeps the order of what it is asked in its
        thread, so that it has forgotten them all when it answers whether the stream is cancelled, which it asks once.
        """
        stream.is_cancelled()
        self.close()

    def close(self) -> None:
        self._ended.clear()


def model_request(name: str, inputs: Tensors, outputs: list[str], request_id: str = "") -> pb_utils.InferenceRequest:
    return pb_utils.InferenceRequest(
        model_name=name,
        request_id=request_id,
        requested_output_names=outputs,
        inputs=[pb_utils.Tensor(tensor, value) for tensor, value in inputs.items()],
    )


def response_tensors(reply: pb_utils.InferenceResponse) -> Tensors:
    if reply.has_error():
        raise RequestError(reply.error().message())
    return {tensor.name(): tensor.as_numpy() for tensor in reply.output_tensors()}
