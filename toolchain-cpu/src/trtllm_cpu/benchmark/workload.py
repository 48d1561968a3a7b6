"""The requests of a benchmark: a file that prepare_dataset.py wrote, and when each of them arrives."""

import json
import re
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trtllm_cpu.errors import ToolchainError

_STRING_OR_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


@dataclass(frozen=True)
class Sample:
    """A prompt, and how many tokens are to follow it."""

    input_ids: list[int]
    output_len: int


def read_samples(flags: Namespace) -> list[Sample]:
    """The first --max_num_samples of --dataset, each prompt cut to --max_prompt_len.

    Errors: ToolchainError where the file is missing, holds anything else, no sample, or one that asks for a LoRA.
    """
    path = Path(flags.dataset)
    if not flags.dataset or not path.exists():
        raise ToolchainError(f"Assertion failed: File does not exist: {flags.dataset}")
    try:
        # Comments are allowed, as upstream's reader allows them.
        text = _STRING_OR_COMMENT.sub(lambda match: match[1] or "", path.read_text(encoding="utf-8"))
        entries = json.loads(text)["samples"][: flags.max_num_samples]
        samples = [_sample(entry, flags.max_prompt_len) for entry in entries]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ToolchainError(f"--dataset: {path} is no workload of prepare_dataset.py ({error!r})") from error
    if not samples:
        raise ToolchainError(f"--dataset: {path} holds no samples")
    return samples


def _sample(entry: dict, longest_prompt: int | None) -> Sample:
    if entry.get("task_id", -1) >= 0:
        raise ToolchainError(
            f"--dataset: a sample has the LoRA task_id {entry['task_id']}, which the CPU toolchain does not have; "
            "make the workload without --task-id and --rand-task-id"
        )
    input_ids = [int(token_id) for token_id in entry["input_ids"][:longest_prompt]]
    return Sample(input_ids, int(entry["output_len"]))


def arrivals(flags: Namespace, count: int) -> list[float]:
    """Seconds from the start at which each of `count` requests arrives; delays are whole milliseconds, as upstream's.

    Exponential delays are those that upstream draws for the seed with the C++ standard library.
    """
    delays = np.zeros(count - 1)
    if flags.request_rate is not None and flags.request_rate > 0:
        rate = float(np.float32(flags.request_rate))
        delays += 1 / rate
        if flags.enable_exp_delays:
            delays = exponential_delays(count - 1, rate, flags.random_seed)
    return [0.0, *np.cumsum(np.trunc(delays * 1000) / 1000).tolist()]


def exponential_delays(count: int, rate: float, seed: int) -> np.ndarray:
    """What std::exponential_distribution<double>(rate) draws from std::mt19937(seed) with GCC's library, in seconds."""
    words = np.random.RandomState(seed % 2**32).randint(0, 2**32, 2 * count, dtype=np.uint32).astype(np.float64)
    uniform = (words[0::2] + words[1::2] * 2**32) / 2**64
    return -np.log(1 - uniform) / rate
