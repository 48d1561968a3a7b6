"""Engines under mpirun: the leader's, and what the other ranks do for it."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trtllm_cpu.devices import visible_threads
from trtllm_cpu.engine.config import EngineConfig, read_engine_config
from trtllm_cpu.engine.rank_engine import RankEngine
from trtllm_cpu.engine.runtime import Engine, load_rank
from trtllm_cpu.engine.shard import shard_of_rank
from trtllm_cpu.errors import ToolchainError

if TYPE_CHECKING:
    from trtllm_cpu.engine.mpi import Team


def launched_size() -> int:
    """How many ranks mpirun started; 1 without it."""
    return int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))


def join_team(on_lost_rank: Callable[[int], None]) -> "Team | None":
    """The ranks of this launch, None where this process is the only one. To be called once, by every rank.

    `on_lost_rank(rank)` is called, from a thread of its own, when another rank's process has died.
    """
    if launched_size() == 1:
        return None
    from trtllm_cpu.engine.mpi import Team  # its import starts MPI, which a process alone does without

    return Team(on_lost_rank)


class Leader:
    """Loads engines on all ranks of a launch, or in this process alone."""

    def __init__(self, team: "Team | None"):
        self._team = team
        self._numbers = count()

    def load(self, directory: Path, exactly: bool = True) -> Engine:
        """Opens an engine directory; unless `exactly`, ranks that the engine does not have may be there, idle.

        Errors: ToolchainError where mpirun started another number of ranks than the engine has, or it cannot be loaded.
        """
        config = read_engine_config(directory)
        launched = self._team.size if self._team else 1
        if launched < config.world_size or (exactly and launched != config.world_size):
            raise ToolchainError(
                f"{directory}: MPI size {launched} is not tp x pp = {config.world_size}; "
                f"use mpirun -n {config.world_size}"
            )
        if self._team is None or config.world_size == 1:
            return Engine.load(directory)
        team, number = self._team, next(self._numbers)
        team.command(number, "load", str(directory))
        own = _load(team, config, directory)

        def call(method: str, *arguments: Any) -> Any:
            team.command(number, method, *arguments)
            return getattr(own, method)(*arguments)

        return Engine(config, call)


def follow(team: "Team") -> None:
    """Does what the leader says until it ends the team. Errors: ToolchainError where this rank cannot be loaded."""
    engines: dict[int, RankEngine] = {}
    while True:
        match team.next_command():
            case ("end",):
                team.close()
                return
            case (number, "load", directory):
                loaded = _load(team, read_engine_config(Path(directory)), Path(directory))
                if loaded is not None:
                    engines[number] = loaded
            case (number, method, *arguments) if number in engines:
                getattr(engines[number], method)(*arguments)


def _load(team: "Team", config: EngineConfig, directory: Path) -> RankEngine | None:
    """This rank of an engine; None where the engine has fewer ranks."""
    shard = shard_of_rank(config.checkpoint, team.rank) if team.rank < config.world_size else None
    exchange = team.exchange(shard, config.vocab_size)
    if exchange is None:
        return None
    return load_rank(directory, team.rank, exchange, threads=max(1, visible_threads() // team.size))
