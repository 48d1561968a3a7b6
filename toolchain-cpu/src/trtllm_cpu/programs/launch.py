"""Programs that mpirun starts, one process a rank. Rank 0 runs the program; the others run the engine for it."""

import atexit
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from trtllm_cpu import logger
from trtllm_cpu.engine.launched import Leader, follow, join_team
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError

if TYPE_CHECKING:
    from trtllm_cpu.engine.mpi import Team


def launched_rank() -> int:
    """This process's rank under mpirun; 0 without it."""
    return int(os.environ.get("OMPI_COMM_WORLD_RANK", "0"))


def load_launched_engine(directory: Path, exactly: bool = True) -> Engine:
    """The engine, on its leader. On another rank this call runs engines for the leader and ends the process.

    Errors: ToolchainError where mpirun started another number of ranks than the engine has; unless `exactly`, fewer.
    """
    return _leader().load(directory, exactly)


@cache
def _leader() -> Leader:
    team = join_team(_lost)
    if team is None:
        return Leader(None)
    if team.rank > 0:
        _follow_to_the_end(team)
    atexit.register(team.close)
    return Leader(team)


def _follow_to_the_end(team: "Team") -> None:
    try:
        follow(team)
    except ToolchainError as error:
        # Without MPI's own ending, which would wait for the other ranks: mpirun ends them.
        print(f"rank {team.rank}: error: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    sys.exit(0)


def _lost(rank: int) -> None:
    logger.error(f"the process of rank {rank} has died: this one, rank {launched_rank()}, ends too")
    os._exit(1)
