"""The sampler by the rules of TensorRT-LLM v0.10's kernels, on logits that are worked out by hand."""

import math

import numpy as np
import pytest

from trtllm_cpu.engine.sampling import Choice, Sampler, Sampling, likeliest, runtime_limits
from trtllm_cpu.errors import ToolchainError

LOGITS = [1.0, 4.0, -2.0, 3.0, 0.0]


def choose(sampling: Sampling, prompt: list[int] | None = None, logits: list[float] = LOGITS) -> Choice | None:
    return Sampler(sampling, prompt or [0], None).choose(np.array(logits, np.float32))


def adjusted(sampling: Sampling, prompt: list[int], *tokens: int, end_id: int | None = None) -> list[float]:
    """LOGITS as they are chosen from after `prompt` and `tokens`, which the sampler is made to choose one by one."""
    sampler = Sampler(sampling, prompt, end_id)
    for token in tokens:
        certain = np.full(len(LOGITS), -1e9, np.float32)
        certain[token] = 1e9
        sampler.choose(certain)
    logits = np.array(LOGITS, np.float32)
    sampler.choose(logits)
    return [round(float(value), 3) for value in logits]


@pytest.mark.parametrize(
    ("given", "expected"),
    [((0, 0.0), (1, 1.0)), ((5, 0.0), (5, 1.0)), ((0, 0.5), (0, 0.5)), ((5, 0.5), (5, 0.5)), ((1, 0.0), (1, 1.0))],
)
def test_neither_top_k_nor_top_p_is_greedy_and_a_top_p_of_0_is_no_limit(given: tuple, expected: tuple) -> None:
    assert runtime_limits(*given) == expected


def test_penalties_count_prompt_and_answer_and_come_after_bias_and_temperature() -> None:
    prompt, answer = [1, 1, 2], [1, 3]
    assert adjusted(Sampling(repetition_penalty=2.0), prompt, *answer) == [1.0, 2.0, -4.0, 1.5, 0.0]
    assert adjusted(Sampling(presence_penalty=0.5), prompt, *answer) == [1.0, 3.5, -2.5, 2.5, 0.0]
    assert adjusted(Sampling(frequency_penalty=0.5), prompt, *answer) == [1.0, 2.5, -2.5, 2.5, 0.0]
    # (4 + 2) / 2, halved by the repetition, and less 3 occurrences; the bias comes before the temperature.
    everything = Sampling(bias={1: 2.0, 77: 1.0}, temperature=2.0, repetition_penalty=2.0, frequency_penalty=1.0)
    assert adjusted(everything, prompt, *answer) == [0.5, -1.5, -3.0, -0.25, 0.0]


def test_the_end_token_waits_for_min_length() -> None:
    waiting = Sampling(min_length=2)
    for answer in ([], [3]):
        assert adjusted(waiting, [0], *answer, end_id=1)[1] == -math.inf
    assert adjusted(waiting, [0], 3, 3, end_id=1) == LOGITS
    sampler = Sampler(waiting, [0], 1)
    chosen = [sampler.choose(np.array(LOGITS, np.float32)) for _ in range(4)]
    assert chosen == [Choice(3), Choice(3), None, None]


def test_a_bad_word_is_banned_where_its_last_token_would_complete_it_the_prompt_included() -> None:
    words = Sampling(bad_words=[[1], [2, 3], [99]])
    assert adjusted(words, [2]) == [1.0, -math.inf, -2.0, -math.inf, 0.0]
    assert adjusted(words, [2], 0) == [1.0, -math.inf, -2.0, 3.0, 0.0]
    with pytest.raises(ToolchainError, match="bad_words_list: expected some tokens to be left"):
        choose(Sampling(bad_words=[[token] for token in range(5)]))


def test_a_stop_word_ends_the_sequence_and_belongs_to_it() -> None:
    sampler = Sampler(Sampling(stop_words=[[], [7, 1, 1]]), [7], None)
    chosen = [sampler.choose(np.array(LOGITS, np.float32)) for _ in range(3)]
    assert chosen == [Choice(1), Choice(1, is_last=True), None]


def test_the_likeliest_are_in_order_and_equal_ones_by_their_id() -> None:
    logits = np.array([2.0, 5.0, 2.0, 9.0, 2.0], np.float32)
    assert likeliest(logits, 2).tolist() == [3, 1]
    assert likeliest(logits, 0).tolist() == likeliest(logits, 9).tolist() == [3, 1, 0, 2, 4]


def shares(sampling: dict, draws: int = 4000) -> dict[int, float]:
    """How often each token is drawn."""
    logits = np.log(np.array([0.1, 0.5, 0.15, 0.25], np.float32))
    drawn = [choose(Sampling(seed=seed, **sampling), logits=logits.tolist()).token_id for seed in range(draws)]
    return {token: drawn.count(token) / draws for token in sorted(set(drawn))}


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ({"top_k": 0}, {0: 0.1, 1: 0.5, 2: 0.15, 3: 0.25}),
        ({"top_k": 2}, {1: 2 / 3, 3: 1 / 3}),
        # The kernels draw a point in the first top_p of the sum: the token that crosses it keeps the share before it.
        ({"top_k": 0, "top_p": 0.6}, {1: 5 / 6, 3: 1 / 6}),
        ({"top_k": 3, "top_p": 0.5}, {1: 1.0}),
        ({"top_k": 2, "temperature": 0.5}, {1: 0.8, 3: 0.2}),
    ],
)
def test_tokens_are_drawn_as_often_as_the_limits_leave_them(sampling: dict, expected: dict[int, float]) -> None:
    found = shares(sampling)
    assert found.keys() == expected.keys()
    # Four standard deviations of a share of 4000 draws are 0.03 at most.
    assert all(abs(found[token] - share) < 0.035 for token, share in expected.items())


def test_the_same_seed_draws_the_same_tokens_and_another_seed_others() -> None:
    def draw(seed: int) -> list[int]:
        sampler = Sampler(Sampling(top_k=0, temperature=5.0, seed=seed), [0], None)
        return [sampler.choose(np.array(LOGITS, np.float32)).token_id for _ in range(40)]

    assert draw(2**64 - 1) == draw(2**64 - 1) != draw(1) != draw(0)


def test_log_probabilities_are_of_the_adjusted_logits_in_the_vocabulary_and_among_the_kept_tokens() -> None:
    weights = np.exp(np.array(LOGITS) / 2)
    whole = math.log(weights[1] / weights.sum())
    scored = {"temperature": 2.0, "log_probabilities": True}
    greedy = choose(Sampling(**scored))
    assert greedy.log_probability == pytest.approx(whole, abs=1e-5)
    assert greedy.normalized_log_probability == 0.0
    kept = choose(Sampling(top_k=2, top_p=1e-6, **scored))
    assert kept.log_probability == pytest.approx(whole, abs=1e-5)
    assert kept.normalized_log_probability == pytest.approx(math.log(weights[1] / (weights[1] + weights[3])), abs=1e-5)
    limited = choose(Sampling(top_k=0, top_p=1e-6, **scored))
    assert limited.normalized_log_probability == limited.log_probability == pytest.approx(whole, abs=1e-5)
    assert choose(Sampling()).log_probability is None
