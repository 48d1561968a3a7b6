"""Two engines on one text: at each token, what either expects next."""

from dataclasses import dataclass

import numpy as np

from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.likelihood import log_probabilities


@dataclass(frozen=True)
class Agreement:
    """Means over the tokens of a text, in nats; `top1` is the share of tokens at which both expect the same."""

    tokens: int
    divergence: float
    top1: float
    baseline_likelihood: float
    candidate_likelihood: float

    def to_json(self, row: int) -> dict:
        """An entry of agreement.json."""
        return {
            "row": row,
            "tokens": self.tokens,
            "klDivergence": self.divergence,
            "top1Agreement": self.top1,
            "negativeLogLikelihood": {"baseline": -self.baseline_likelihood, "candidate": -self.candidate_likelihood},
        }


def agreement(baseline: Engine, candidate: Engine, prompt_ids: list[int], text_ids: list[int]) -> Agreement:
    """Teacher-forces `text_ids`, at least one, after the prompt through both engines.

    Errors: ToolchainError where prompt and text are longer than an engine's lengths.
    """
    # What is expected at a token follows from those before it, so the text's last token is not run.
    token_ids, first = prompt_ids + text_ids[:-1], len(prompt_ids) - 1
    expected = log_probabilities(baseline.logits(token_ids, first))
    found = log_probabilities(candidate.logits(token_ids, first))
    # Rounding may make the divergence of equal distributions a hair less than 0.
    divergences = np.maximum((np.exp(expected) * (expected - found)).sum(axis=1), 0)
    places = np.arange(len(text_ids)), text_ids
    return Agreement(
        tokens=len(text_ids),
        divergence=float(divergences.mean()),
        top1=float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        baseline_likelihood=float(expected[places].mean()),
        candidate_likelihood=float(found[places].mean()),
    )
