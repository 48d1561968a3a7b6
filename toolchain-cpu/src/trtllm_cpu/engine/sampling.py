"""Choosing the next token from logits."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters with TensorRT-LLM's names. top_k 1 is greedy; top_k 0 keeps all tokens.

    Generation ends before a stop word would be complete; a bad word's last token is never chosen after its others.
    """

    top_k: int = 1
    top_p: float = 1.0
    temperature: float = 1.0
    repetition_penalty: float = 1.0
    min_length: int = 0
    seed: int = 0
    stop_words: list[list[int]] = field(default_factory=list)
    bad_words: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Choice:
    """A chosen token, and the natural logarithm of its probability."""

    token_id: int
    log_probability: float


class Sampler:
    """Chooses one sequence's tokens; the same parameters and logits give the same tokens."""

    def __init__(self, sampling: Sampling, prompt_ids: list[int], end_id: int | None):
        self._sampling = sampling
        self._end_id = end_id
        self._history = list(prompt_ids)
        self._prompt_length = len(prompt_ids)
        self._random = np.random.default_rng(sampling.seed)

    def choose(self, logits: np.ndarray) -> Choice | None:
        """The next token from `logits` [vocab] float32 (changed in place); None where generation ends."""
        self._adjust(logits)
        token = int(logits.argmax()) if self._sampling.top_k == 1 else self._draw(logits)
        self._history.append(token)
        if token == self._end_id or any(self._ends_with(word) for word in self._sampling.stop_words):
            return None
        return Choice(token, 0.0)

    def _adjust(self, logits: np.ndarray) -> None:
        if self._sampling.repetition_penalty != 1.0:
            seen = np.unique(self._history)
            penalty = self._sampling.repetition_penalty
            logits[seen] = np.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
        for word in self._sampling.bad_words:
            if word and self._ends_with(word[:-1]):
                logits[word[-1]] = -np.inf
        generated = len(self._history) - self._prompt_length
        if self._end_id is not None and 0 <= self._end_id < len(logits) and generated < self._sampling.min_length:
            logits[self._end_id] = -np.inf

    def _draw(self, logits: np.ndarray) -> int:
        order = np.argsort(-logits, kind="stable")
        if self._sampling.top_k > 0:
            order = order[: self._sampling.top_k]
        scaled = logits[order].astype(np.float64) / max(self._sampling.temperature, 1e-6)
        probabilities = np.exp(scaled - scaled[0])
        probabilities /= probabilities.sum()
        # The smallest set of likely tokens that reaches top_p; the likeliest always stays.
        keep = np.cumsum(probabilities) - probabilities < self._sampling.top_p
        keep[0] = True
        probabilities = probabilities[keep] / probabilities[keep].sum()
        return int(self._random.choice(order[keep], p=probabilities))

    def _ends_with(self, word: list[int]) -> bool:
        generated = self._history[self._prompt_length :]
        return not word or generated[-len(word) :] == list(word)
