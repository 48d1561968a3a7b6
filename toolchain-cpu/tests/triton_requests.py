"""Requests with any inputs, for the tests of what each input does."""

import numpy as np
from triton_server import Server
from tritonclient.utils import np_to_triton_dtype

from trtllm_cpu.triton.client import ServerError, infer_inputs, replies_to

TIMEOUT_SECONDS = 60
DTYPES = {bool: np.bool_, int: np.int32, float: np.float32}


def generate(server: Server, model: str, **inputs: object) -> list[dict[str, np.ndarray]]:
    """The outputs of each response that has any, by name. Raises ServerError with the server's message."""
    tensors = infer_inputs({name: tensor(name, value) for name, value in inputs.items()})
    responses = []
    with replies_to(server.url, model, tensors, "", TIMEOUT_SECONDS) as replies:
        while True:
            result, error = replies.get(timeout=TIMEOUT_SECONDS)
            if error is not None:
                raise ServerError(error.message())
            response = result.get_response()
            if response.outputs:
                responses.append({output.name: result.as_numpy(output.name) for output in response.outputs})
            if response.parameters["triton_final_response"].bool_param:
                return responses


def tensor(name: str, value: object) -> tuple[str, np.ndarray]:
    """(datatype, array) of one value, a list of them, or an array as it is."""
    if isinstance(value, np.ndarray):
        return np_to_triton_dtype(value.dtype), value
    values = value if isinstance(value, list) else [value]
    if isinstance(values[0], str):
        return "BYTES", np.array([[text.encode() for text in values]], np.object_)
    array = np.array([values], np.uint64 if name == "random_seed" else DTYPES[type(values[0])])
    return np_to_triton_dtype(array.dtype), array


def text(server: Server, model: str, **inputs: object) -> str:
    """The answer's text, which is one response."""
    [response] = generate(server, model, **inputs)
    return text_of(response)


def text_of(response: dict[str, np.ndarray]) -> str:
    """The one text of a response, where upstream's clients look for it."""
    [text] = response["text_output"]
    return text.decode()
