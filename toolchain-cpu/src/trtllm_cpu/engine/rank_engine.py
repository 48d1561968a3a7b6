"""One rank's part of an engine: runs its graphs over its slots, and exchanges activations with the other ranks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from onnxruntime import InferenceSession, SessionIOBinding

from trtllm_cpu.engine.key_value_slots import KeyValueSlots
from trtllm_cpu.engine.ranks import Exchange
from trtllm_cpu.engine.segments import ADDED, LOGITS, PARTIAL_SUM, RESIDUAL_IN, RESIDUAL_OUT
from trtllm_cpu.engine.shard import Shard


@dataclass
class _Pool:
    slots: KeyValueSlots
    bindings: dict[tuple[int, int], list[SessionIOBinding]] = field(default_factory=dict)
    """For each range of slots that has run: a binding of each graph."""


class RankEngine:
    """What every rank does when the leader says so: each public method is called on all ranks in the same order.

    Pools of slots have numbers that the leader gives. Both `prompt` and `decode` return logits [chosen, vocabulary] on
    the leader, and None elsewhere.
    """

    def __init__(self, shard: Shard, sessions: Sequence[InferenceSession], exchange: Exchange):
        self._shard = shard
        self._sessions = sessions
        self._inputs = [{value.name for value in session.get_inputs()} for session in sessions]
        self._outputs = [[value.name for value in session.get_outputs()] for session in sessions]
        self._exchange = exchange
        self._pools: dict[int, _Pool] = {}

    def open_pool(self, pool: int, count: int, capacity: int) -> None:
        """Makes `count` empty slots of `capacity` tokens."""
        self._pools[pool] = _Pool(KeyValueSlots(self._shard, count, capacity))

    def close_pool(self, pool: int) -> None:
        """Frees a pool's memory."""
        del self._pools[pool]

    def move(self, pool: int, source: int, target: int) -> None:
        """Makes slot `target` hold what `source` does."""
        self._pools[pool].slots.move(source, target)

    def prompt(self, pool: int, slot: int, token_ids: list[int], chosen: list[int]) -> np.ndarray | None:
        """Fills an empty slot with a prompt; logits after each of its tokens with an index in `chosen`."""
        slots = self._pools[pool].slots
        slots.lengths[slot] = len(token_ids)
        positions = np.array([[0, index] for index in chosen], np.int64)
        return self._run(self._pools[pool], range(slot, slot + 1), np.array([token_ids], np.int64), positions)

    def decode(self, pool: int, token_ids: list[int]) -> np.ndarray | None:
        """Appends a token to each of the first slots; logits after each."""
        slots = self._pools[pool].slots
        span = range(len(token_ids))
        for slot in span:
            slots.lengths[slot] += 1
        positions = np.array([[row, 0] for row in range(len(token_ids))], np.int64)
        return self._run(self._pools[pool], span, np.array([token_ids], np.int64).T, positions)

    def _run(self, pool: _Pool, span: range, token_ids: np.ndarray, positions: np.ndarray) -> np.ndarray | None:
        lengths = [pool.slots.lengths[slot] for slot in span]
        values = {
            "token_ids": np.ascontiguousarray(token_ids),
            "last_positions": np.array(lengths, np.int32) - np.int32(1),
            "total_length": np.array(max(lengths), np.int32),
            "logit_positions": positions,
        }
        if not self._shard.is_first_stage:
            values[ADDED] = self._exchange.receive_hidden()
        bindings = self._bindings(pool, span)
        for session, binding, inputs, outputs in zip(
            self._sessions, bindings, self._inputs, self._outputs, strict=True
        ):
            _run_graph(session, binding, inputs, outputs, values)
            if self._shard.tensor_size > 1 and PARTIAL_SUM in values:
                values[ADDED] = self._exchange.add_up(values.pop(PARTIAL_SUM))
        if not self._shard.is_last_stage:
            branch = values[ADDED] if self._shard.tensor_size > 1 else values[PARTIAL_SUM]
            self._exchange.send_hidden(branch + values[RESIDUAL_IN])
        return self._exchange.gather_logits(values.get(LOGITS))

    def _bindings(self, pool: _Pool, span: range) -> list[SessionIOBinding]:
        key = (span.start, span.stop)
        if key not in pool.bindings:
            pool.bindings[key] = [session.io_binding() for session in self._sessions]
            for binding, inputs in zip(pool.bindings[key], self._inputs, strict=True):
                pool.slots.bind(binding, inputs, slice(span.start, span.stop))
        return pool.bindings[key]


def _run_graph(
    session: InferenceSession,
    binding: SessionIOBinding,
    inputs: set[str],
    outputs: list[str],
    values: dict[str, np.ndarray],
) -> None:
    """Runs one graph on what it asks for of `values`, and puts there what it made for the next one."""
    for name in inputs & values.keys():
        binding.bind_cpu_input(name, values[name])
    made = [name for name in outputs if not name.startswith("present_")]
    for name in made:
        binding.bind_output(name)
    session.run_with_iobinding(binding)
    # Outputs are in the order in which they were bound: what is bound anew at each step comes last.
    for name, value in zip(made, binding.get_outputs()[len(outputs) - len(made) :], strict=True):
        values[RESIDUAL_IN if name == RESIDUAL_OUT else name] = value.numpy()
