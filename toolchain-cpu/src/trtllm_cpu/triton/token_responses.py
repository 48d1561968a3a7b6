"""From generated tokens to the output tensors of tensorrt_llm's responses."""

import numpy as np

from trtllm_cpu.engine.sampling import Choice

from .backend import ResponseStream
from .requests import GenerationRequest

# Scores that nobody can ask for here; the ensemble's next model names them as its inputs, so they always travel.
NO_SCORES = {
    "cum_log_probs": np.zeros((1, 1), dtype=np.float32),
    "output_log_probs": np.zeros((1, 1, 1), dtype=np.float32),
    "context_logits": np.zeros((1, 1, 1), dtype=np.float32),
    "generation_logits": np.zeros((1, 1, 1, 1), dtype=np.float32),
}


class TokenResponses:
    """A receiver of the generation loop: a response a token if the request streams, else one with the whole.

    A stream holds new tokens only, whatever exclude_input_in_output says, as upstream's does.
    """

    def __init__(self, stream: ResponseStream, request: GenerationRequest, exclude_input_in_output: bool) -> None:
        self._stream = stream
        self._streaming = request.streaming
        self._token_ids = [] if request.streaming or exclude_input_in_output else list(request.prompt_ids)

    def is_cancelled(self) -> bool:
        return self._stream.is_cancelled()

    def token(self, choice: Choice) -> None:
        if self._streaming:
            self._send([choice.token_id])
        else:
            self._token_ids.append(choice.token_id)

    def finish(self) -> None:
        if not self._streaming:
            self._send(self._token_ids)
        self._stream.finish()

    def fail(self, message: str) -> None:
        self._stream.fail(message)

    def _send(self, token_ids: list[int]) -> None:
        outputs = {
            "output_ids": np.array([[token_ids]], dtype=np.int32),
            "sequence_length": np.array([[len(token_ids)]], dtype=np.int32),
        }
        self._stream.send(outputs | NO_SCORES)
