"""A request to the tensorrt_llm model: its input tensors, checked, as what the generation loop needs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from trtllm_cpu.engine.sampling import RANGES, Sampling, runtime_limits

from .tensors import RequestError, Tensors, is_given, required_scalar, scalar, values
from .word_lists import from_word_list

# Inputs of upstream's model that this toolchain has no counterpart for: refused if they come, never ignored.
UNSUPPORTED_INPUTS = (
    "draft_input_ids",
    "draft_logits",
    "draft_acceptance_threshold",
    "runtime_top_p_min",
    "runtime_top_p_decay",
    "runtime_top_p_reset_ids",
    "prompt_embedding_table",
    "prompt_vocab_size",
    "lora_task_id",
    "lora_weights",
    "lora_config",
)
UNSUPPORTED_FLAGS = ("return_context_logits", "return_generation_logits")


@dataclass(frozen=True)
class Limits:
    """How long a request may be, in tokens."""

    max_input_len: int
    max_output_len: int
    max_total_len: int
    """Prompt and output together: what the filled KV cache parameters leave of the two above."""

    def check(self, input_len: int, output_len: int) -> None:
        """Raises RequestError naming the limit that is exceeded."""
        if input_len > self.max_input_len:
            raise RequestError(f"input_ids: {input_len} tokens exceed the engine's max_input_len {self.max_input_len}")
        if output_len > self.max_output_len:
            raise RequestError(
                f"request_output_len: {output_len} exceeds the engine's max_output_len {self.max_output_len}"
            )
        if input_len + output_len > self.max_total_len:
            raise RequestError(
                f"request_output_len: {input_len} prompt and {output_len} output tokens exceed the total of "
                f"{self.max_total_len} that max_tokens_in_paged_kv_cache and max_attention_window_size leave a request"
            )


@dataclass(frozen=True)
class GenerationRequest:
    prompt_ids: list[int]
    max_new_tokens: int
    end_id: int | None
    streaming: bool
    sampling: Sampling


def parse_generation_request(tensors: Tensors, limits: Limits) -> GenerationRequest:
    """Raises RequestError naming the input that is missing, out of range or not supported."""
    refuse_unsupported(tensors)
    input_len = required_scalar(tensors, "input_lengths")
    prompt_ids = values(tensors, "input_ids")
    if not 0 < input_len <= len(prompt_ids):
        raise RequestError(f"input_lengths: expected 1 to {len(prompt_ids)} (the ids given), got {input_len}")
    max_new_tokens = required_scalar(tensors, "request_output_len")
    if max_new_tokens < 1:
        raise RequestError(f"request_output_len: expected at least 1, got {max_new_tokens}")
    limits.check(input_len, max_new_tokens)
    return GenerationRequest(
        prompt_ids=prompt_ids[:input_len],
        max_new_tokens=max_new_tokens,
        end_id=scalar(tensors, "end_id"),
        streaming=scalar(tensors, "streaming", False),
        sampling=parse_sampling(tensors),
    )


def refuse_unsupported(tensors: Tensors) -> None:
    for name in UNSUPPORTED_INPUTS:
        if is_given(tensors, name):
            raise RequestError(f"{name}: not supported by the CPU toolchain, leave it out")
    for name in UNSUPPORTED_FLAGS:
        if scalar(tensors, name, False):
            raise RequestError(f"{name}: not supported by the CPU toolchain, leave it out or false")
    beam_width = scalar(tensors, "beam_width", 1)
    if beam_width != 1:
        raise RequestError(f"beam_width: the CPU toolchain generates one beam, expected 1, got {beam_width}")


def parse_sampling(tensors: Tensors) -> Sampling:
    """TensorRT-LLM's defaults: greedy unless top_k or top_p is given; top_p alone samples from the whole vocabulary.

    Inputs that only matter with several beams (len_penalty, early_stopping, beam_search_diversity_rate) have no effect,
    nor has pad_id. Raises RequestError naming the value that is out of range.
    """
    top_k, top_p = runtime_limits(
        ranged(tensors, "top_k", 0, "runtime_top_k"), ranged(tensors, "top_p", 0.0, "runtime_top_p")
    )
    return Sampling(
        top_k=top_k,
        top_p=top_p,
        temperature=ranged(tensors, "temperature", 1.0),
        repetition_penalty=ranged(tensors, "repetition_penalty", 1.0),
        presence_penalty=ranged(tensors, "presence_penalty", 0.0),
        frequency_penalty=ranged(tensors, "frequency_penalty", 0.0),
        min_length=ranged(tensors, "min_length", 0),
        seed=scalar(tensors, "random_seed", 0),
        stop_words=from_word_list(tensors, "stop_words_list"),
        bad_words=from_word_list(tensors, "bad_words_list"),
        bias=parse_bias(tensors),
        log_probabilities=scalar(tensors, "return_log_probs", False),
    )


def ranged(tensors: Tensors, parameter: str, default: Any, name: str | None = None) -> Any:
    """The value of a sampling parameter, whose tensor is `name` where that differs from it."""
    name = name or parameter
    value = scalar(tensors, name, default)
    fits, expected = RANGES[parameter]
    if not fits(value):
        raise RequestError(f"{name}: expected {expected}, got {value}")
    return value


def parse_bias(tensors: Tensors) -> dict[int, float]:
    """The weights of embedding_bias, [1, vocab], that are not 0, by token id."""
    if not is_given(tensors, "embedding_bias"):
        return {}
    weights = tensors["embedding_bias"].reshape(-1)
    if not np.isfinite(weights).all():
        raise RequestError("embedding_bias: expected finite weights")
    return {int(token_id): float(weights[token_id]) for token_id in np.flatnonzero(weights)}
