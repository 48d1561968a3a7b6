"""How likely a model finds the tokens of a given text, from its logits."""

import numpy as np


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """Natural logarithms [tokens, vocabulary] float64 of the distributions that `logits` stand for."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def token_perplexity(logits: np.ndarray, token_ids: list[int]) -> float:
    """exp of the mean negative log likelihood of every token but the first; `logits` is [tokens, vocab] after each.

    Row by row in float32 with float64 sums: a prompt's logits are hundreds of megabytes.
    """
    rows = np.arange(len(token_ids) - 1)
    predictions = logits[:-1]
    highest = predictions.max(axis=1)
    sums = np.array([np.exp(row - peak).sum(dtype=np.float64) for row, peak in zip(predictions, highest, strict=True)])
    likelihoods = predictions[rows, token_ids[1:]].astype(np.float64) - highest - np.log(sums)
    return float(np.exp(-likelihoods.mean()))
