"""preprocessing: text to the tensors that tensorrt_llm takes."""

import numpy as np

from trtllm_cpu.tokenizer import ModelTokenizer

from .tensors import RequestError, Tensors, decode_text, is_given, required_scalar, scalar, values
from .word_lists import to_word_list


def preprocess(tensors: Tensors, tokenizer: ModelTokenizer, add_special_tokens: bool) -> dict[str, np.ndarray]:
    """Output tensors of one request. No chat template is applied, as upstream applies none: clients do.

    Raises RequestError if the prompt has no tokens or biased words are asked for.
    """
    if is_given(tensors, "EMBEDDING_BIAS_WORDS"):
        raise RequestError("embedding_bias_words: the CPU toolchain cannot bias words, leave it out")
    prompt_ids = tokenizer.encode(decode_text("text_input", required_scalar(tensors, "QUERY")), add_special_tokens)
    if not prompt_ids:
        raise RequestError("text_input: expected at least one token, got an empty prompt")
    return {
        "INPUT_ID": np.array([prompt_ids], dtype=np.int32),
        "REQUEST_INPUT_LEN": np.array([[len(prompt_ids)]], dtype=np.int32),
        "REQUEST_OUTPUT_LEN": np.array([[required_scalar(tensors, "REQUEST_OUTPUT_LEN")]], dtype=np.int32),
        "BAD_WORDS_IDS": encode_words(tensors, "BAD_WORDS_DICT", tokenizer),
        "STOP_WORDS_IDS": encode_words(tensors, "STOP_WORDS_DICT", tokenizer),
        "EMBEDDING_BIAS": np.empty((1, 0), dtype=np.float32),
        "OUT_END_ID": np.array([[scalar(tensors, "END_ID", tokenizer.end_id)]], dtype=np.int32),
        "OUT_PAD_ID": np.array([[scalar(tensors, "PAD_ID", tokenizer.pad_id)]], dtype=np.int32),
    }


def encode_words(tensors: Tensors, name: str, tokenizer: ModelTokenizer) -> np.ndarray:
    """The word list of a string tensor, one word an element; an empty string is no word."""
    return to_word_list([tokenizer.encode(decode_text(name, word), False) for word in values(tensors, name)])
