"""The calibration texts, as v0.10's quantize.py gives them to the model."""

from trtllm_cpu.tokenizer import ModelTokenizer


def padded_token_ids(tokenizer: ModelTokenizer, texts: list[str], maximum_length: int) -> list[list[int]]:
    """Token ids of each text, cut at `maximum_length` and filled up at the left to the longest.

    v0.10 masks nothing: the model sees the filling as text, and activation scales cover it too.
    """
    rows = [tokenizer.encode(text)[:maximum_length] for text in texts]
    longest = max(map(len, rows))
    return [[tokenizer.pad_id] * (longest - len(row)) + row for row in rows]
