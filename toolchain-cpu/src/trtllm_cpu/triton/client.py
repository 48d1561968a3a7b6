"""A streaming gRPC client of a served model: it needs only upstream's ensemble tensors."""

import queue
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tritonclient.grpc as grpc

DEFAULT_TIMEOUT_SECONDS = 300.0


class ServerError(RuntimeError):
    """The server's answer to a request that it could not serve, or could not be asked."""


@dataclass(frozen=True)
class Question:
    """What is asked; with `stream` the answer comes a token a response, else as one."""

    text: str
    max_tokens: int
    stream: bool = True


def ask(url: str, model: str, question: Question, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> Iterator[str]:
    """Yields the text of each response as it comes; closing the iterator ends the generation in the server.

    A decoupled model answers only over the stream, with stream=False too. Raises ServerError.
    """
    request_id = uuid.uuid4().hex
    finished = False
    try:
        with replies_to(url, model, request_inputs(question), request_id, timeout_seconds) as replies:
            yield from texts(replies)
            finished = True
    finally:
        # Triton passes a cancellation on to no step of an ensemble that already runs; a `stop` of the same id arrives.
        if model == "ensemble" and not finished:
            stop(url, request_id, timeout_seconds)


def stop(url: str, request_id: str, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
    """Ends the generations of tensorrt_llm that have this request id, those of an ensemble's requests included."""
    nothing = np.zeros((1, 1), dtype=np.int32)
    required = {name: ("INT32", nothing) for name in ("input_ids", "input_lengths", "request_output_len")}
    inputs = infer_inputs(required | {"stop": ("BOOL", np.array([[True]]))})
    with replies_to(url, "tensorrt_llm", inputs, request_id, timeout_seconds) as replies:
        for _ in texts(replies):
            pass


@contextmanager
def replies_to(
    url: str, model: str, inputs: list[grpc.InferInput], request_id: str, timeout_seconds: float
) -> Iterator[queue.Queue]:
    """Sends one request over a stream of its own; what is not over at the end of the block is cancelled."""
    replies: queue.Queue = queue.Queue()
    with grpc.InferenceServerClient(url) as client:
        client.start_stream(lambda result, error: replies.put((result, error)), stream_timeout=timeout_seconds)
        try:
            client.async_stream_infer(model, inputs, request_id=request_id, enable_empty_final_response=True)
            yield replies
        finally:
            client.stop_stream(cancel_requests=True)


def texts(replies: queue.Queue) -> Iterator[str]:
    """The texts of the replies up to the one with the final flag, which may itself carry none."""
    while True:
        result, error = replies.get()
        if error is not None:
            raise ServerError(error.message())
        output = result.as_numpy("text_output")
        if output is not None and output.size:
            yield output.reshape(-1)[0].decode("utf-8", errors="replace")
        if result.get_response().parameters["triton_final_response"].bool_param:
            return


def new_text(texts_so_far: Iterator[str]) -> Iterator[str]:
    """What each response of an accumulating tensorrt_llm_bls adds; a character is held back until it is whole."""
    shown = ""
    for text in texts_so_far:
        whole = text.rstrip("\N{REPLACEMENT CHARACTER}")
        yield whole[len(shown) :]
        shown = whole


def request_inputs(question: Question) -> list[grpc.InferInput]:
    """The inputs of ensemble and tensorrt_llm_bls, each of shape [1, 1]: a batch of one prompt."""
    return infer_inputs(
        {
            "text_input": ("BYTES", np.array([[question.text.encode("utf-8")]], dtype=np.object_)),
            "max_tokens": ("INT32", np.array([[question.max_tokens]], dtype=np.int32)),
            "stream": ("BOOL", np.array([[question.stream]])),
        }
    )


def infer_inputs(values: dict[str, tuple[str, np.ndarray]]) -> list[grpc.InferInput]:
    """Input tensors from their Triton datatypes and values."""
    inputs = []
    for name, (datatype, value) in values.items():
        tensor = grpc.InferInput(name, value.shape, datatype)
        tensor.set_data_from_numpy(value)
        inputs.append(tensor)
    return inputs
