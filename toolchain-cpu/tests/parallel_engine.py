"""Engines of several ranks of a tiny Llama, and what the processes that run them have open."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
from toolchain import ROOT, checkout_environment, finished

OPEN_MPI = {
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
"""As toolchain.json sets it: tests have fewer cores than ranks."""


def launch_line(ranks: int, program: str, *arguments: object) -> list[str]:
    """A program of this checkout, named by its path below ROOT, under mpirun."""
    return [
        "mpirun",
        "--allow-run-as-root",
        "-n",
        str(ranks),
        sys.executable,
        str(ROOT / program),
        *map(str, arguments),
    ]


def run_ranks(ranks: int, program: str, *arguments: object, cwd: Path) -> CompletedProcess[str]:
    """Runs a program of this checkout as so many ranks, to its end."""
    return finished(launch_line(ranks, program, *arguments), checkout_environment(**OPEN_MPI), cwd)


def engines_of(pid: int) -> set[str]:
    """Names of the engine files that a process has mapped or open; none if it has ended."""
    try:
        mapped = Path(f"/proc/{pid}/maps").read_text()
        opened = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return set()
    return set(re.findall(r"rank\d+\.engine", "\n".join([mapped, *opened])))


def rank_processes(pids: Iterable[int]) -> dict[str, int]:
    """Those of the processes that have an engine file open: the file's name → pid. Fails where one has several."""
    found = {}
    for pid in pids:
        names = engines_of(pid)
        if names:
            [name] = names
            assert name not in found, f"{found[name]} and {pid} have both {name} open"
            found[name] = pid
    return found


def joined(linear: str, suffix: str, parts: list[np.ndarray], query_rows: int, key_value_rows: int) -> np.ndarray:
    """A linear's tensor put together from the ranks' parts, by the rules of Megatron's parallel linears.

    Written for the test, apart from what cuts them: `query_rows` and `key_value_rows` are a rank's, in outputs.
    """
    row_parallel = linear in ("attention.dense", "mlp.proj")
    if suffix == "activation_scaling_factor" or (suffix == "weights_scaling_factor" and parts[0].shape == (1,)):
        assert all(np.array_equal(part, parts[0]) for part in parts)
        return parts[0]
    if suffix == "prequant_scaling_factor":
        return np.concatenate(parts) if row_parallel else parts[0]
    if row_parallel:
        return np.concatenate(parts, axis=1) if parts[0].ndim == 2 else parts[0]
    if linear != "attention.qkv":
        return np.concatenate(parts)
    packing = (query_rows + 2 * key_value_rows) // len(parts[0])
    ends = np.array([query_rows, query_rows + key_value_rows]) // packing
    thirds = [np.split(part, ends) for part in parts]
    return np.concatenate([third for kind in zip(*thirds, strict=True) for third in kind])
