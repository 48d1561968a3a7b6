"""From generated tokens to the output tensors of tensorrt_llm's responses."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from trtllm_cpu.engine.sampling import Choice

from .backend import ResponseStream
from .parameters import Parameters
from .requests import GenerationRequest

# Scores that were not asked for; the ensemble's next model names them as its inputs, so they always travel.
NO_SCORES = {
    "cum_log_probs": np.zeros((1, 1), dtype=np.float32),
    "output_log_probs": np.zeros((1, 1, 1), dtype=np.float32),
    "context_logits": np.zeros((1, 1, 1), dtype=np.float32),
    "generation_logits": np.zeros((1, 1, 1, 1), dtype=np.float32),
}


@dataclass(frozen=True)
class ResponseForm:
    """How the model's parameters want responses; the defaults are upstream's."""

    exclude_input_in_output: bool = False
    """Whether a response that is not streamed leaves the prompt out. A stream never holds it."""
    normalize_log_probs: bool = True
    """Whether output_log_probs are those within the top_k tokens: for greedy generation all 0."""

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        return cls(
            parameters.flag("exclude_input_in_output", cls.exclude_input_in_output),
            parameters.flag("normalize_log_probs", cls.normalize_log_probs),
        )


class TokenResponses:
    """A receiver of the generation loop: a response a token if the request streams, else one with the whole.

    As upstream's, the last response carries the final flag and tensors: the last token, or none where the end token
    came. A stream's responses hold the new token alone, but the log probabilities of all tokens so far.
    """

    def __init__(self, stream: ResponseStream, request: GenerationRequest, form: ResponseForm) -> None:
        self._stream = stream
        self._request = request
        self._normalizes = form.normalize_log_probs
        self._prompt_ids = [] if form.exclude_input_in_output else request.prompt_ids
        self._new_ids: list[int] = []
        self._cumulative = 0.0
        self._log_probabilities: list[float] = []

    def is_cancelled(self) -> bool:
        return self._stream.is_cancelled()

    def token(self, choice: Choice) -> None:
        self._new_ids.append(choice.token_id)
        if self._request.sampling.log_probabilities:
            plain, normalized = choice.log_probability, choice.normalized_log_probability
            self._cumulative += plain
            self._log_probabilities.append(normalized if self._normalizes else plain)
        if self._request.streaming:
            is_last = choice.is_last or len(self._new_ids) == self._request.max_new_tokens
            self._stream.send(self._outputs([choice.token_id]), is_last)

    def finish(self) -> None:
        if not self._stream.is_finished:
            token_ids = [] if self._request.streaming else [*self._prompt_ids, *self._new_ids]
            self._stream.send(self._outputs(token_ids), final=True)

    def fail(self, message: str) -> None:
        self._stream.fail(message)

    def _outputs(self, token_ids: list[int]) -> dict[str, np.ndarray]:
        """In upstream's order, on which its benchmark_core_model.py counts."""
        outputs = {
            "output_ids": np.array([[token_ids]], dtype=np.int32),
            "sequence_length": np.array([[len(token_ids)]], dtype=np.int32),
            **NO_SCORES,
        }
        if self._request.sampling.log_probabilities:
            # The sum within the whole vocabulary, whatever normalize_log_probs says.
            outputs["cum_log_probs"] = np.array([[self._cumulative]], dtype=np.float32)
            outputs["output_log_probs"] = np.array([[self._log_probabilities]], dtype=np.float32)
        return outputs
