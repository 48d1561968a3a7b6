"""Stop and bad words as the tensor that travels between preprocessing and tensorrt_llm.

Its shape is [1, 2, n]: row 0 holds the token ids of all words one after the other, row 1 where each word ends
(exclusive), filled up with -1.
"""

from collections.abc import Sequence

import numpy as np

from .tensors import RequestError, Tensors


def to_word_list(words: Sequence[list[int]]) -> np.ndarray:
    """int32 [1, 2, n] of the token ids of words; empty words are left out. n is 0 if there are none."""
    kept = [word for word in words if word]
    token_ids = [token_id for word in kept for token_id in word]
    word_list = np.full((1, 2, len(token_ids)), -1, dtype=np.int32)
    word_list[0, 0] = token_ids
    word_list[0, 1, : len(kept)] = np.cumsum([len(word) for word in kept])
    return word_list


def from_word_list(tensors: Tensors, name: str) -> list[list[int]]:
    """The token ids of each word. Raises RequestError if the ends do not ascend within the ids, or an id is none."""
    if name not in tensors or tensors[name].size == 0:
        return []
    word_list = tensors[name]
    if word_list.size != 2 * word_list.shape[-1]:
        raise RequestError(f"{name}: expected shape [1, 2, n], got {list(word_list.shape)}")
    token_ids, ends = word_list.reshape(2, -1).tolist()
    words, start = [], 0
    for end in ends:
        if end == -1:
            continue
        if not start < end <= len(token_ids):
            raise RequestError(f"{name}: the ends of words must ascend up to {len(token_ids)}, got {ends}")
        words.append(token_ids[start:end])
        start = end
    if min(token_ids[:start], default=0) < 0:
        raise RequestError(f"{name}: expected token ids of 0 or more, got {min(token_ids[:start])}")
    return words
