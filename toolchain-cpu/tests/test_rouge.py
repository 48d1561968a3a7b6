"""The printed scores against rouge-score itself."""

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer

from trtllm_cpu.rouge import METRICS, rouge_scores

PREDICTIONS = ["The mayors opened a bridge.\nIt cost 3 crowns.", "Apples fell", ""]
REFERENCES = ["The mayor opens the bridge.\nIt costs 3 crowns.", "Apples fell from trees.", "Nothing was said."]


def test_one_article_scores_as_rouge_score_does_times_one_hundred() -> None:
    expected = RougeScorer(METRICS, use_stemmer=False).score(REFERENCES[0], PREDICTIONS[0])
    scores = rouge_scores(PREDICTIONS[:1], REFERENCES[:1])
    assert scores == pytest.approx({metric: 100 * score.fmeasure for metric, score in expected.items()})


def test_words_count_as_they_are_written_not_by_their_stem() -> None:
    assert rouge_scores(["The mayors"], ["The mayor"])["rouge1"] == pytest.approx(50)


def test_lines_are_sentences_to_rouge_lsum_only() -> None:
    reversed_lines = rouge_scores(["b c.\na d."], ["a d.\nb c."])
    assert reversed_lines["rougeLsum"] == pytest.approx(100)
    assert reversed_lines["rougeL"] == pytest.approx(50)


def test_an_empty_text_scores_zero() -> None:
    assert rouge_scores([""], ["A reference."]) == dict.fromkeys(METRICS, 0.0)


def test_scores_of_several_articles_repeat_exactly_and_leave_the_random_generator_alone() -> None:
    np.random.seed(7)
    expected_draw = np.random.random()
    np.random.seed(7)
    first = rouge_scores(PREDICTIONS, REFERENCES)
    assert np.random.random() == expected_draw
    assert rouge_scores(PREDICTIONS, REFERENCES) == first


def test_the_bootstrap_median_is_near_the_plain_mean() -> None:
    scorer = RougeScorer(METRICS, use_stemmer=False)
    pairs = zip(REFERENCES, PREDICTIONS, strict=True)
    plain = [scorer.score(reference, text)["rouge1"].fmeasure for reference, text in pairs]
    assert rouge_scores(PREDICTIONS, REFERENCES)["rouge1"] == pytest.approx(100 * np.mean(plain), abs=5)


def test_no_articles_are_refused() -> None:
    with pytest.raises(ValueError, match="no text to score"):
        rouge_scores([], [])
