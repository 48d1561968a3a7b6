"""A request to the tensorrt_llm model: its input tensors, checked, as what the generation loop needs."""

from collections.abc import Callable
from dataclasses import dataclass

from trtllm_cpu.engine.runtime import Sampling

from .tensors import RequestError, Tensors, is_given, required_scalar, scalar, values
from .word_lists import from_word_list

# Inputs of upstream's model that this toolchain has no counterpart for: refused if they come, never ignored.
UNSUPPORTED_INPUTS = (
    "draft_input_ids",
    "draft_logits",
    "draft_acceptance_threshold",
    "embedding_bias",
    "runtime_top_p_min",
    "runtime_top_p_decay",
    "runtime_top_p_reset_ids",
    "prompt_embedding_table",
    "prompt_vocab_size",
    "lora_task_id",
    "lora_weights",
    "lora_config",
)
UNSUPPORTED_FLAGS = ("return_log_probs", "return_context_logits", "return_generation_logits")


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

    Inputs that only matter with several beams (len_penalty, early_stopping, beam_search_diversity_rate) have no effect.
    Raises RequestError naming the value that is out of range.
    """
    top_p = ranged(tensors, "runtime_top_p", 0.0, lambda value: 0 <= value <= 1, "0 to 1")
    top_k = ranged(tensors, "runtime_top_k", 0, lambda value: value >= 0, "0 or more")
    for name in ("presence_penalty", "frequency_penalty"):
        ranged(tensors, name, 0.0, lambda value: value == 0, "0 (the CPU toolchain has only repetition_penalty)")
    return Sampling(
        top_k=1 if top_k == 0 and top_p == 0 else top_k,
        top_p=top_p or 1.0,
        temperature=ranged(tensors, "temperature", 1.0, lambda value: value > 0, "more than 0"),
        repetition_penalty=ranged(tensors, "repetition_penalty", 1.0, lambda value: value > 0, "more than 0"),
        min_length=scalar(tensors, "min_length", 0),
        seed=scalar(tensors, "random_seed", 0),
        stop_words=from_word_list(tensors, "stop_words_list"),
        bad_words=from_word_list(tensors, "bad_words_list"),
    )


def ranged(tensors: Tensors, name: str, default: float, fits: Callable[[float], bool], expected: str) -> float:
    value = scalar(tensors, name, default)
    if not fits(value):
        raise RequestError(f"{name}: expected {expected}, got {value}")
    return value
