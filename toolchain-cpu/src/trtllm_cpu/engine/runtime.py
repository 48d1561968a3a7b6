"""Runs an engine, or a Hugging Face model as one: what the programs and the Triton models call."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession

from trtllm_cpu.engine.builder import build_graph
from trtllm_cpu.engine.config import EngineConfig, read_engine_config
from trtllm_cpu.engine.llama import whole_model
from trtllm_cpu.engine.sampling import Choice, Sampler, Sampling
from trtllm_cpu.engine.session import KeyValueCache, MemoryWeights, open_session
from trtllm_cpu.engine.source import hub_source
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.quantization.formats import format_of_algorithm

__all__ = ["Choice", "Engine", "Sampling", "Sequence"]


class Engine:
    """A loaded engine. Sequences may be open side by side; each has its own cache."""

    def __init__(self, config: EngineConfig, session: InferenceSession):
        self.config = config
        self._shard = whole_model(config.checkpoint)
        self._session = session

    @classmethod
    def load(cls, engine_dir: Path, rank: int = 0, threads: int | None = None) -> "Engine":
        """Open one rank of an engine directory; threads None: this process's share of the cores.

        Errors: ToolchainError naming the file or field: missing or truncated engine, other version, a world size that
        this runtime cannot run.
        """
        directory = Path(engine_dir)
        config = read_engine_config(directory)
        if config.world_size != 1:
            raise ToolchainError(f"{directory}: world_size is {config.world_size}; this runtime supports 1")
        if rank >= config.world_size:
            raise ToolchainError(f"{directory}: rank {rank} does not exist; world_size is {config.world_size}")
        path = directory / f"rank{rank}.engine"
        row = format_of_algorithm(config.checkpoint.quantization.quant_algo, str(path))
        return cls(config, open_session(path, threads, row.repack))

    @classmethod
    def of_model(
        cls, model: HubModel, max_input_len: int, max_output_len: int, dtype: str, threads: int | None = None
    ) -> "Engine":
        """Run a Hugging Face model itself: its weights, rounded to `dtype`, in a float32 graph in memory.

        Errors: ToolchainError for a model that the graph cannot compute.
        """
        weights = MemoryWeights()
        source = hub_source(model, dtype)
        graph = build_graph(source, whole_model(source.config), weights.place, max_input_len + max_output_len)
        config = EngineConfig(
            checkpoint=source.config, max_batch_size=1, max_input_len=max_input_len, max_output_len=max_output_len
        )
        return cls(config, weights.open_session(graph, threads))

    def start(
        self, prompt_ids: list[int], max_new_tokens: int, end_id: int | None, sampling: Sampling | None = None
    ) -> "Sequence":
        """Begin a sequence; nothing is computed before its first token is asked for.

        Errors: ToolchainError naming the limit that the request is over.
        """
        self._check_request(prompt_ids, max_new_tokens)
        return Sequence(self, prompt_ids, max_new_tokens, Sampler(sampling or Sampling(), prompt_ids, end_id))

    def logits(self, token_ids: list[int], first: int = 0) -> np.ndarray:
        """Logits [len(token_ids) - first, vocab] float32 after each token of a given text, from index `first` on."""
        longest = self.config.max_sequence_len
        if not 0 < len(token_ids) <= longest:
            raise ToolchainError(f"a text of {len(token_ids)} tokens is not within 1…{longest}, this engine's lengths")
        self._check_vocabulary(token_ids)
        positions = np.array([[0, index] for index in range(first, len(token_ids))], np.int64)
        return self.new_cache(len(token_ids)).step(np.array([token_ids], np.int64), positions)

    def new_cache(self, capacity: int) -> KeyValueCache:
        """An empty cache for one sequence of up to `capacity` tokens."""
        return KeyValueCache(self._session, self._shard, capacity)

    def _check_request(self, prompt_ids: list[int], max_new_tokens: int) -> None:
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


class Sequence:
    """Iterates over one sequence's new tokens, one step each, and frees its cache at the end or by `close`."""

    def __init__(self, engine: Engine, prompt_ids: list[int], max_new_tokens: int, sampler: Sampler):
        self._tokens = _generate(engine, prompt_ids, max_new_tokens, sampler)

    def __iter__(self) -> Iterator[Choice]:
        return self._tokens

    def __next__(self) -> Choice:
        return next(self._tokens)

    def close(self) -> None:
        """Stop and free the cache."""
        self._tokens.close()


def _generate(engine: Engine, prompt_ids: list[int], max_new_tokens: int, sampler: Sampler) -> Iterator[Choice]:
    cache = engine.new_cache(len(prompt_ids) + max_new_tokens)
    step_ids = prompt_ids
    for _ in range(max_new_tokens):
        last = np.array([[0, len(step_ids) - 1]], np.int64)
        choice = sampler.choose(cache.step(np.array([step_ids], np.int64), last)[0])
        if choice is None:
            return
        yield choice
        if choice.is_last:
            return
        step_ids = [choice.token_id]
