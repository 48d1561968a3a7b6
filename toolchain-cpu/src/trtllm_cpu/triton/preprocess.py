"""preprocessing: text to the tensors that tensorrt_llm takes."""

import numpy as np

from trtllm_cpu.tokenizer import ModelTokenizer

from .tensors import RequestError, Tensors, decode_text, required_scalar, scalar, values
from .word_lists import to_word_list

INPUTS = {
    "text_input": "QUERY",
    "max_tokens": "REQUEST_OUTPUT_LEN",
    "bad_words": "BAD_WORDS_DICT",
    "stop_words": "STOP_WORDS_DICT",
    "embedding_bias_words": "EMBEDDING_BIAS_WORDS",
    "embedding_bias_weights": "EMBEDDING_BIAS_WEIGHTS",
    "end_id": "END_ID",
    "pad_id": "PAD_ID",
}
"""What clients call the inputs, and what they are called here."""


def preprocess(tensors: Tensors, tokenizer: ModelTokenizer, add_special_tokens: bool) -> dict[str, np.ndarray]:
    """Output tensors of one request. No chat template is applied, as upstream applies none: clients do.

    Raises RequestError that names the input as clients do.
    """
    given = {name: tensors[tensor] for name, tensor in INPUTS.items() if tensor in tensors}
    prompt_ids = tokenizer.encode(decode_text("text_input", required_scalar(given, "text_input")), add_special_tokens)
    if not prompt_ids:
        raise RequestError("text_input: expected at least one token, got an empty prompt")
    max_tokens = required_scalar(given, "max_tokens")
    if max_tokens < 1:
        raise RequestError(f"max_tokens: expected at least 1, got {max_tokens}")
    return {
        "INPUT_ID": np.array([prompt_ids], dtype=np.int32),
        "REQUEST_INPUT_LEN": np.array([[len(prompt_ids)]], dtype=np.int32),
        "REQUEST_OUTPUT_LEN": np.array([[max_tokens]], dtype=np.int32),
        "BAD_WORDS_IDS": encode_words(given, "bad_words", tokenizer),
        "STOP_WORDS_IDS": encode_words(given, "stop_words", tokenizer),
        "EMBEDDING_BIAS": encode_bias(given, tokenizer),
        "OUT_END_ID": np.array([[scalar(given, "end_id", tokenizer.end_id)]], dtype=np.int32),
        "OUT_PAD_ID": np.array([[scalar(given, "pad_id", tokenizer.pad_id)]], dtype=np.int32),
    }


def encode_words(given: Tensors, name: str, tokenizer: ModelTokenizer) -> np.ndarray:
    """The word list of a string tensor, one word an element; an empty string is no word."""
    return to_word_list([tokenizer.encode(decode_text(name, word), False) for word in values(given, name)])


def encode_bias(given: Tensors, tokenizer: ModelTokenizer) -> np.ndarray:
    """float32 [1, vocabulary]: each word's weight on each of its tokens, special ones included as upstream's.

    [1, 0] where no words are biased.
    """
    words, weights = values(given, "embedding_bias_words"), values(given, "embedding_bias_weights")
    if len(words) != len(weights):
        expected = f"one for each of the {len(words)} embedding_bias_words"
        raise RequestError(f"embedding_bias_weights: expected {expected}, got {len(weights)}")
    if not words:
        return np.empty((1, 0), dtype=np.float32)
    if not np.isfinite(weights).all():
        raise RequestError(f"embedding_bias_weights: expected finite numbers, got {weights}")
    bias = np.zeros((1, tokenizer.vocabulary_size()), dtype=np.float32)
    for word, weight in zip(words, weights, strict=True):
        np.add.at(bias[0], tokenizer.encode(decode_text("embedding_bias_words", word)), weight)
    return bias
