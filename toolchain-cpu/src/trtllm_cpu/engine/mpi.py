"""The processes that one mpirun started: how the leader commands the others, and how they exchange activations.

Only rank 0 knows requests; the other ranks run what it tells them. All ranks are on one host.
"""

import os
import pickle
import time
from collections.abc import Callable
from typing import Any

# Ranks may be more than cores, so those that wait give way; and they share one host, so nothing goes over a network.
os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
os.environ.setdefault("OMPI_MCA_pml", "ob1")
os.environ.setdefault("OMPI_MCA_btl", "self,sm")

import numpy as np
from mpi4py import MPI

from trtllm_cpu.engine.peer_watch import PeerWatch
from trtllm_cpu.engine.shard import Shard
from trtllm_cpu.errors import ToolchainError

_COMMAND, _HIDDEN, _LOGITS = range(3)
"""Tags of the messages between two ranks."""

_BUSY_SECONDS = 0.00002
"""How long a wait goes on without a pause."""

_EAGER_SECONDS = 0.1
"""How long a wait goes on with short pauses: while tokens are made, what is waited for comes soon."""


class Team:
    """The ranks of this launch. Made by all of them; `close` ends it for all."""

    def __init__(self, on_lost_rank: Callable[[int], None]):
        """`on_lost_rank(rank)` is called, from a thread of its own, when another rank's process has died.

        Errors: ToolchainError where ranks are on several hosts.
        """
        self._world = MPI.COMM_WORLD
        self.rank, self.size = self._world.Get_rank(), self._world.Get_size()
        members = self._world.allgather((MPI.Get_processor_name(), os.getpid()))
        if len({host for host, _ in members}) > 1:
            raise ToolchainError("mpirun started ranks on several hosts; this toolchain's ranks share one host")
        peers = {rank: pid for rank, (_, pid) in enumerate(members) if rank != self.rank}
        self._watch = PeerWatch(peers, on_lost_rank)
        self._closed = False

    def command(self, *message: Any) -> None:
        """Tells every follower what to do next. Only the leader may."""
        if self._closed:
            raise RuntimeError("the team has ended")
        packed = pickle.dumps(message)
        for rank in range(1, self.size):
            self._world.Send(packed, rank, _COMMAND)

    def next_command(self) -> tuple[Any, ...]:
        """Waits for the leader's next command, without keeping a core busy."""
        status = MPI.Status()
        _wait(lambda: self._world.Iprobe(0, _COMMAND, status))
        packed = bytearray(status.Get_count(MPI.BYTE))
        self._world.Recv(packed, 0, _COMMAND)
        return pickle.loads(packed)

    def close(self) -> None:
        """Ends the team: the leader's call is what makes the followers' commands end. Repeating it does nothing."""
        if self._closed:
            return
        if self.rank == 0:
            self.command("end")
        self._closed = True
        # A rank may go only when no other watches it any more.
        self._watch.close()
        self._world.Barrier()

    def exchange(self, shard: Shard | None, vocab_size: int) -> "MpiExchange | None":
        """What the ranks of an engine exchange; None for a rank without a shard. All ranks must call it together."""
        if shard is None:
            self._world.Split(MPI.UNDEFINED)
            return None
        return MpiExchange(self._world, shard, vocab_size)


class MpiExchange:
    """The exchange of an engine with several ranks: rank = stage * tensor_size + tensor rank."""

    def __init__(self, world: MPI.Comm, shard: Shard, vocab_size: int):
        self._world = world
        self._shard = shard
        self._vocab_size = vocab_size
        self._stage_group = world.Split(shard.stage, shard.tensor_rank)
        self._rank = world.Get_rank()

    def add_up(self, partial: np.ndarray) -> np.ndarray:
        # Everyone sends to everyone and adds in the same order: so all ranks go on from the same bits.
        parts = np.empty((self._shard.tensor_size, *partial.shape), np.float32)
        parts[self._shard.tensor_rank] = partial
        others = [rank for rank in range(self._shard.tensor_size) if rank != self._shard.tensor_rank]
        requests = [self._stage_group.Irecv(parts[rank], rank) for rank in others]
        requests += [self._stage_group.Isend(partial, rank) for rank in others]
        _wait(lambda: MPI.Request.Testall(requests))
        return parts.sum(axis=0)

    def send_hidden(self, hidden: np.ndarray) -> None:
        self._send(hidden, self._rank + self._shard.tensor_size, _HIDDEN)

    def receive_hidden(self) -> np.ndarray:
        return self._receive(self._rank - self._shard.tensor_size, _HIDDEN)

    def gather_logits(self, logits: np.ndarray | None) -> np.ndarray | None:
        if self._rank > 0:
            if logits is not None:
                self._send(logits, 0, _LOGITS)
            return None
        first = (self._shard.stages - 1) * self._shard.tensor_size
        parts = [
            logits if rank == 0 else self._receive(rank, _LOGITS)
            for rank in range(first, first + self._shard.tensor_size)
        ]
        # The last rank's rows of the vocabulary may end in padding.
        return np.concatenate(parts, axis=1)[:, : self._vocab_size]

    def _send(self, array: np.ndarray, rank: int, tag: int) -> None:
        data = np.ascontiguousarray(array)
        for part in (np.array(data.shape, np.int64), data):
            request = self._world.Isend(part, rank, tag)
            _wait(request.Test)

    def _receive(self, rank: int, tag: int) -> np.ndarray:
        status = MPI.Status()
        _wait(lambda: self._world.Iprobe(rank, tag, status))
        shape = np.empty(status.Get_count(MPI.INT64_T), np.int64)
        self._world.Recv(shape, rank, tag)
        array = np.empty(shape, np.float32)
        request = self._world.Irecv(array, rank, tag)
        _wait(request.Test)
        return array


def _wait(is_done: Callable[[], bool]) -> None:
    """Asks again and again, with pauses that grow.

    MPI's own waiting keeps a core busy. Where ranks are more than cores, it takes from them what it waits for: whoever
    sleeps is woken before those that are busy.
    """
    waited_since = time.monotonic()
    while not is_done():
        waited_seconds = time.monotonic() - waited_since
        if waited_seconds > _EAGER_SECONDS:
            time.sleep(0.002)
        elif waited_seconds > _BUSY_SECONDS:
            time.sleep(0.00002)
