"""ROUGE as `evaluate.load("rouge").compute()` has it by default: what TensorRT-LLM's summarize.py prints.

That default compares words as they are written; a scorer that stems them finds a point or so more.
"""

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.scoring import BootstrapAggregator

METRICS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
BOOTSTRAP_SEED = 0


def rouge_scores(predictions: list[str], references: list[str]) -> dict[str, float]:
    """The printed scores by metric, 0 to 100: the median of a seeded bootstrap over the articles, not their plain mean.

    Errors: ValueError where the lists are empty or not equally long.
    """
    if not predictions:
        raise ValueError("there is no text to score")
    scorer = RougeScorer(METRICS, use_stemmer=False)  # each line is one sentence to rougeLsum
    aggregator = BootstrapAggregator()
    for prediction, reference in zip(predictions, references, strict=True):
        aggregator.add_scores(scorer.score(target=reference, prediction=prediction))
    # The aggregator draws from numpy's global generator: seed it for the call, and give back what was there.
    state = np.random.get_state()
    np.random.seed(BOOTSTRAP_SEED)
    try:
        aggregated = aggregator.aggregate()
    finally:
        np.random.set_state(state)
    return {metric: 100 * float(aggregated[metric].mid.fmeasure) for metric in METRICS}
