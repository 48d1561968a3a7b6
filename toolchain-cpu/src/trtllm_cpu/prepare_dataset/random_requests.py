"""Random lengths and tokens: the very numbers that v0.10 draws for a seed, from the generators that it draws from."""

import math
import random

import numpy as np

from trtllm_cpu.tokenizer import ModelTokenizer


def normal_lengths(mean: int, deviation: int, count: int, seed: int) -> list[int]:
    """Normally distributed lengths, rounded up, at least 1; each list starts from the seed."""
    drawn = np.random.RandomState(seed).normal(loc=mean, scale=deviation, size=count)
    return [max(1, math.ceil(length)) for length in drawn.tolist()]


def random_tokens(lengths: list[int], tokenizer: ModelTokenizer, generator: random.Random) -> list[list[int]]:
    """Token ids for each length, without the end token; none twice in a list while the vocabulary suffices."""
    vocabulary = range(tokenizer.vocabulary_size(with_added_tokens=False))
    instead_of_end = (tokenizer.end_id + 1) % len(vocabulary)
    prompts = []
    for length in lengths:
        distinct = length < len(vocabulary)
        drawn = generator.sample(vocabulary, length) if distinct else generator.choices(vocabulary, k=length)
        prompts.append([instead_of_end if token == tokenizer.end_id else token for token in drawn])
    return prompts


def task_ids(count: int, task_id: int, limits: tuple[int, int] | None, generator: random.Random) -> list[int]:
    """The LoRA task of each request: always `task_id`, or a random one within `limits`, both included."""
    return [task_id if limits is None else generator.randint(*limits) for _ in range(count)]
