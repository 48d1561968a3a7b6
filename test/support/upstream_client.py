"""A client that knows only what the v0.10 ensemble of tensorrtllm_backend documents: its tensors and its two modes.

Usage: upstream_client.py HOST:PORT MODEL {stream,whole}; prints the responses' texts as a JSON list.
"""

import json
import queue
import sys

import numpy
import tritonclient.grpc as triton


def tensor(name: str, value: object, dtype: type, triton_type: str) -> triton.InferInput:
    data = numpy.array([[value]], dtype=dtype)
    tensor = triton.InferInput(name, data.shape, triton_type)
    tensor.set_data_from_numpy(data)
    return tensor


def main() -> None:
    url, model, mode = sys.argv[1:]
    inputs = [
        tensor("text_input", b"The capital of France is", object, "BYTES"),
        tensor("max_tokens", 12, numpy.int32, "INT32"),
        tensor("bad_words", b"", object, "BYTES"),
        tensor("stop_words", b"", object, "BYTES"),
        tensor("stream", mode == "stream", bool, "BOOL"),
        tensor("beam_width", 1, numpy.int32, "INT32"),
        tensor("temperature", 1.0, numpy.float32, "FP32"),
    ]
    answers: queue.Queue = queue.Queue()
    texts = []
    with triton.InferenceServerClient(url) as client:
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        client.async_stream_infer(model, inputs, request_id="1", enable_empty_final_response=True)
        while True:
            result, error = answers.get(timeout=60)
            if error is not None:
                raise error
            output = result.as_numpy("text_output")
            if output is not None and output.size > 0:
                texts.append(output.flatten()[0].decode())
            final = result.get_response().parameters.get("triton_final_response")
            if final is not None and final.bool_param:
                break
    print(json.dumps(texts))


main()
