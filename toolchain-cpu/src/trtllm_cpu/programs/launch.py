"""Programs that mpirun starts, one process a rank."""

import os
from pathlib import Path

from trtllm_cpu.engine.config import read_engine_config
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError


def launched_rank() -> int:
    """This process's rank under mpirun; 0 without it."""
    return int(os.environ.get("OMPI_COMM_WORLD_RANK", "0"))


def load_launched_engine(directory: Path) -> Engine:
    """This rank's engine. Errors: ToolchainError where mpirun started another number of ranks than the engine has."""
    ranks = read_engine_config(directory).world_size
    launched = int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))
    if launched != ranks:
        raise ToolchainError(f"{directory}: MPI size {launched} is not tp x pp = {ranks}; use mpirun -n {ranks}")
    return Engine.load(directory, rank=launched_rank())
