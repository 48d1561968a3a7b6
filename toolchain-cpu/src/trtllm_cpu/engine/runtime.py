"""Runs an engine, or a Hugging Face model as one: what the programs and the Triton models call."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from trtllm_cpu.engine.builder import build_graphs
from trtllm_cpu.engine.config import EngineConfig, read_engine_config
from trtllm_cpu.engine.rank_engine import RankEngine
from trtllm_cpu.engine.ranks import Alone, Exchange
from trtllm_cpu.engine.sampling import Choice, Sampler, Sampling
from trtllm_cpu.engine.session import MemoryWeights, open_sessions
from trtllm_cpu.engine.shard import shard_of_rank, whole_model
from trtllm_cpu.engine.source import hub_source
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.quantization.formats import format_of_algorithm

__all__ = ["Choice", "Engine", "Sampling", "Sequence", "SlotPool", "load_rank"]


class Call(Protocol):
    """Runs a method of RankEngine, by its name, on every rank; returns what the leader's returned."""

    def __call__(self, method: str, *arguments: Any) -> Any: ...


def load_rank(engine_dir: Path, rank: int, exchange: Exchange, threads: int | None = None) -> RankEngine:
    """Open one rank of an engine directory; threads None: this process's share of the cores.

    Errors: ToolchainError naming the file or field: missing or truncated engine, other version.
    """
    config = read_engine_config(engine_dir).checkpoint
    path = engine_dir / f"rank{rank}.engine"
    row = format_of_algorithm(config.quantization.quant_algo, str(path))
    return RankEngine(shard_of_rank(config, rank), open_sessions(path, threads, row.repack), exchange)


class Engine:
    """A loaded engine, seen from its leader. Sequences may be open side by side; each has its own cache."""

    def __init__(self, config: EngineConfig, call: Call):
        self.config = config
        self._call = call
        self._pool_numbers = count()

    @classmethod
    def load(cls, engine_dir: Path, threads: int | None = None) -> "Engine":
        """Open an engine of one rank in this process. Errors: as load_rank, and for an engine of several ranks."""
        directory = Path(engine_dir)
        config = read_engine_config(directory)
        if config.world_size != 1:
            raise ToolchainError(
                f"{directory}: world_size is {config.world_size}; start the program with mpirun -n {config.world_size}"
            )
        return cls(config, _local(load_rank(directory, 0, Alone(), threads)))

    @classmethod
    def of_model(
        cls, model: HubModel, max_input_len: int, max_output_len: int, dtype: str, threads: int | None = None
    ) -> "Engine":
        """Run a Hugging Face model itself: its weights, rounded to `dtype`, in a float32 graph in memory.

        Errors: ToolchainError for a model that the graph cannot compute.
        """
        weights = MemoryWeights()
        source = hub_source(model, dtype)
        shard = whole_model(source.config)
        graphs = build_graphs(source, shard, weights.place, max_input_len + max_output_len)
        config = EngineConfig(
            checkpoint=source.config, max_batch_size=1, max_input_len=max_input_len, max_output_len=max_output_len
        )
        sessions = [weights.open_session(graph, threads) for graph in graphs]
        return cls(config, _local(RankEngine(shard, sessions, Alone())))

    def start(
        self, prompt_ids: list[int], max_new_tokens: int, end_id: int | None, sampling: Sampling | None = None
    ) -> "Sequence":
        """Begin a sequence; nothing is computed before its first token is asked for.

        Errors: ToolchainError naming the limit that the request is over.
        """
        self.check_request(prompt_ids, max_new_tokens)
        return Sequence(self, prompt_ids, max_new_tokens, Sampler(sampling or Sampling(), prompt_ids, end_id))

    def logits(self, token_ids: list[int], first: int = 0) -> np.ndarray:
        """Logits [len(token_ids) - first, vocab] float32 after each token of a given text, from index `first` on."""
        longest = self.config.max_sequence_len
        if not 0 < len(token_ids) <= longest:
            raise ToolchainError(f"a text of {len(token_ids)} tokens is not within 1…{longest}, this engine's lengths")
        self._check_vocabulary(token_ids)
        pool = self.open_slots(1, len(token_ids))
        try:
            return pool.prompt(0, token_ids, list(range(first, len(token_ids))))
        finally:
            pool.close()

    def open_slots(self, count: int, capacity: int) -> "SlotPool":
        """Empty slots for `count` sequences of up to `capacity` tokens each."""
        return SlotPool(self._call, next(self._pool_numbers), count, capacity)

    def check_request(self, prompt_ids: list[int], max_new_tokens: int) -> None:
        """Errors: ToolchainError naming the limit that a request is over."""
        limits = self.config
        if not 0 < len(prompt_ids) <= limits.max_input_len:
            raise ToolchainError(
                f"the prompt has {len(prompt_ids)} tokens; this engine's max_input_len is {limits.max_input_len}"
            )
        if not 0 < max_new_tokens <= limits.max_output_len:
            raise ToolchainError(
                f"{max_new_tokens} new tokens were asked for; this engine's max_output_len is {limits.max_output_len}"
            )
        self._check_vocabulary(prompt_ids)

    def _check_vocabulary(self, token_ids: list[int]) -> None:
        if min(token_ids) < 0 or max(token_ids) >= self.config.vocab_size:
            raise ToolchainError(f"a token id is outside 0…{self.config.vocab_size - 1}, the engine's vocabulary")


def _local(rank_engine: RankEngine) -> Call:
    return lambda method, *arguments: getattr(rank_engine, method)(*arguments)


class SlotPool:
    """Slots for sequences that may run in one step. Their numbers count from 0; only used ones may be decoded."""

    def __init__(self, call: Call, number: int, count: int, capacity: int):
        self._call = call
        self._number = number
        call("open_pool", number, count, capacity)

    def prompt(self, slot: int, token_ids: list[int], chosen: list[int] | None = None) -> np.ndarray:
        """Fills a slot with a prompt; logits [chosen, vocab] after its tokens of index `chosen`, or after the last."""
        return self._call("prompt", self._number, slot, token_ids, chosen or [len(token_ids) - 1])

    def decode(self, token_ids: list[int]) -> np.ndarray:
        """Appends a token to each of the first slots; logits [tokens, vocab] after each."""
        return self._call("decode", self._number, token_ids)

    def move(self, source: int, target: int) -> None:
        """Makes slot `target` hold what `source` does."""
        self._call("move", self._number, source, target)

    def close(self) -> None:
        """Frees the memory."""
        self._call("close_pool", self._number)


class Sequence:
    """Iterates over one sequence's new tokens, one step each, and frees its cache at the end or by `close`."""

    def __init__(self, engine: Engine, prompt_ids: list[int], max_new_tokens: int, sampler: Sampler):
        self._choices = _generate(engine, prompt_ids, max_new_tokens, sampler)

    def __iter__(self) -> Iterator[Choice]:
        return self._choices

    def __next__(self) -> Choice:
        return next(self._choices)

    def close(self) -> None:
        """Stop and free the cache."""
        self._choices.close()


def _generate(engine: Engine, prompt_ids: list[int], max_new_tokens: int, sampler: Sampler) -> Iterator[Choice]:
    pool = engine.open_slots(1, len(prompt_ids) + max_new_tokens)
    try:
        logits = pool.prompt(0, prompt_ids)
        for remaining in range(max_new_tokens, 0, -1):
            choice = sampler.choose(logits[0])
            if choice is None:
                return
            yield choice
            if choice.is_last:
                return
            if remaining > 1:
                logits = pool.decode([choice.token_id])
    finally:
        pool.close()
