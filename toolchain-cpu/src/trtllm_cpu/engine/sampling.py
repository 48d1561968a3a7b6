"""Choosing the next token from logits, in the order and by the rules of TensorRT-LLM v0.10's decoding kernels."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.likelihood import log_probabilities

TEMPERATURE_OFFSET = 1e-6
"""What the kernels add to a temperature before they divide by it."""

RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "top_k": (lambda value: value >= 0, "0 or more"),
    "top_p": (lambda value: 0 <= value <= 1, "0 to 1"),
    "temperature": (lambda value: 0 < value < math.inf, "a finite number above 0"),
    "repetition_penalty": (lambda value: 0 < value < math.inf, "a finite number above 0"),
    "presence_penalty": (math.isfinite, "a finite number"),
    "frequency_penalty": (math.isfinite, "a finite number"),
    "min_length": (lambda value: value >= 0, "0 or more"),
}
"""Which values of a parameter can be served, and how that is said."""


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters with TensorRT-LLM's names. top_k 1 is greedy; top_k 0 keeps all tokens.

    Penalties count the tokens of the prompt too, and so do words: a stop word ends the sequence, itself included, as
    soon as the text ends with it, and a bad word's last token is never chosen after its others.
    """

    top_k: int = 1
    top_p: float = 1.0
    temperature: float = 1.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    min_length: int = 0
    seed: int = 0
    stop_words: list[list[int]] = field(default_factory=list)
    bad_words: list[list[int]] = field(default_factory=list)
    bias: dict[int, float] = field(default_factory=dict)
    """What is added to the logits of tokens, by token id."""
    log_probabilities: bool = False
    """Whether choices carry log probabilities: an exponential for each entry of the vocabulary, a token."""


def runtime_limits(top_k: int, top_p: float) -> tuple[int, float]:
    """(top_k, top_p) as TensorRT-LLM's runtime takes them: 0 is not given, and with neither given it is greedy."""
    return 1 if top_k == 0 and top_p == 0 else top_k, top_p or 1.0


@dataclass(frozen=True)
class Choice:
    """A chosen token and, where Sampling asks for them, its natural log probabilities after every adjustment."""

    token_id: int
    log_probability: float | None = None
    """Within the whole vocabulary."""
    normalized_log_probability: float | None = None
    """Within the top_k tokens that it was drawn from, so 0 where it is greedy; top_p narrows nothing here."""
    is_last: bool = False
    """Whether it completes a stop word: nothing follows."""


class Sampler:
    """Chooses one sequence's tokens; the same parameters and logits give the same tokens, whatever runs beside it."""

    def __init__(self, sampling: Sampling, prompt_ids: list[int], end_id: int | None):
        self._sampling = sampling
        self._end_id = end_id
        self._history = list(prompt_ids)
        self._prompt_length = len(prompt_ids)
        self._ended = False
        self._random = np.random.default_rng(sampling.seed)
        penalties = (sampling.repetition_penalty, sampling.presence_penalty, sampling.frequency_penalty)
        self._penalizes = penalties != (1.0, 0.0, 0.0)
        self._occurrences: np.ndarray | None = None
        self._counted = 0

    def choose(self, logits: np.ndarray) -> Choice | None:
        """The next token from `logits` [vocab] float32 (changed in place); None where the sequence has ended.

        The end token is not part of the text, the last token of a stop word is.
        Errors: ToolchainError where bad words leave no token.
        """
        if self._ended:
            return None
        self._adjust(logits)
        choice = self._draw(logits)
        if logits[choice.token_id] == -np.inf:
            raise ToolchainError("bad_words_list: expected some tokens to be left, every one that could come is banned")
        self._history.append(choice.token_id)
        if choice.token_id == self._end_id:
            self._ended = True
            return None
        self._ended = any(self._ends_with(word) for word in self._sampling.stop_words if word)
        return replace(choice, is_last=True) if self._ended else choice

    def _adjust(self, logits: np.ndarray) -> None:
        sampling = self._sampling
        for token_id, weight in sampling.bias.items():
            if token_id < len(logits):
                logits[token_id] += weight
        if sampling.temperature != 1.0:
            logits /= sampling.temperature + TEMPERATURE_OFFSET
        if self._penalizes:
            self._penalize(logits)
        end_id, generated = self._end_id, len(self._history) - self._prompt_length
        if end_id is not None and 0 <= end_id < len(logits) and generated < sampling.min_length:
            logits[end_id] = -np.inf
        for word in sampling.bad_words:
            if word and word[-1] < len(logits) and self._ends_with(word[:-1]):
                logits[word[-1]] = -np.inf

    def _penalize(self, logits: np.ndarray) -> None:
        if self._occurrences is None:
            self._occurrences = np.zeros(len(logits), np.int64)
        np.add.at(self._occurrences, self._history[self._counted :], 1)
        self._counted = len(self._history)
        seen = np.flatnonzero(self._occurrences)
        values, penalty = logits[seen], self._sampling.repetition_penalty
        values = np.where(values < 0, values * penalty, values / penalty)
        values -= self._sampling.presence_penalty
        logits[seen] = values - self._sampling.frequency_penalty * self._occurrences[seen]

    def _draw(self, logits: np.ndarray) -> Choice:
        sampling = self._sampling
        if sampling.top_k == 1:
            token_id, normalized = int(logits.argmax()), 0.0
        else:
            kept = likeliest(logits, sampling.top_k)
            cumulative = np.cumsum(np.exp(logits[kept].astype(np.float64) - logits[kept[0]]))
            # As the kernels do: the token that holds a random point of the likeliest top_p of the kept tokens' sum.
            point = (1.0 - self._random.random()) * sampling.top_p * cumulative[-1]
            index = min(int(np.searchsorted(cumulative, point)), len(kept) - 1)
            token_id = int(kept[index])
            normalized = float(logits[token_id]) - float(logits[kept[0]]) - math.log(cumulative[-1])
        if not sampling.log_probabilities:
            return Choice(token_id)
        within_vocabulary = float(log_probabilities(logits[np.newaxis])[0, token_id])
        return Choice(token_id, within_vocabulary, within_vocabulary if sampling.top_k == 0 else normalized)

    def _ends_with(self, word: list[int]) -> bool:
        return not word or self._history[-len(word) :] == list(word)


def likeliest(logits: np.ndarray, count: int) -> np.ndarray:
    """The ids of the `count` highest logits, all of them for 0, from the highest on; equal ones by their id."""
    if not 0 < count < len(logits):
        return np.argsort(-logits, kind="stable")
    kept = np.argpartition(-logits, count - 1)[:count]
    return kept[np.lexsort((kept, -logits[kept]))]
