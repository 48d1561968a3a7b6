"""Starts tritonserver under mpirun, one process a rank, as launch_triton_server.py of tensorrtllm_backend v0.10 does.

It returns at once with exit code 0, whatever becomes of the server: poll the server for readiness, and end it through
mpirun, whose output goes where this program's goes.
"""

import argparse
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Open MPI binds each rank to one core and refuses more ranks than cores. A Triton rank is a family of processes that
# shares the host's cores with others, so neither fits; the argv stays upstream's, and the caller's values win.
OPEN_MPI_PLACEMENT = {
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world_size", type=int, default=1, help="ranks: tensor parallelism x pipeline parallelism")
    parser.add_argument("--tritonserver", default=str(ROOT / "tritonserver" / "bin" / "tritonserver"))
    parser.add_argument("--grpc_port", default="8001")
    parser.add_argument("--http_port", default="8000")
    parser.add_argument("--metrics_port", default="8002")
    parser.add_argument("--force", "-f", action="store_true", help="launch even if another tritonserver is running")
    parser.add_argument("--log", action="store_true", help="write a verbose log of rank 0 to --log-file")
    parser.add_argument("--log-file", default="triton_log.txt")
    parser.add_argument("--model_repo", default=str(ROOT / "all_models" / "gpt"))
    parser.add_argument("--tensorrt_llm_model_name", default="tensorrt_llm", help="what ranks > 0 load: name,name")
    parser.add_argument("--multi-model", action="store_true", help="the leader spawns the ranks: TRTLLM_ORCHESTRATOR=1")
    return parser.parse_args()


def rank_block(arguments: argparse.Namespace, rank: int) -> list[str]:
    """The part of mpirun's command line that starts one rank. All ranks get the same ports: only rank 0 opens them."""
    block = ["-n", "1", arguments.tritonserver, f"--model-repository={arguments.model_repo}"]
    if rank == 0:
        if arguments.log:
            block += ["--log-verbose=3", f"--log-file={arguments.log_file}"]
    else:
        block += ["--model-control-mode=explicit"]
        block += [f"--load-model={name}" for name in arguments.tensorrt_llm_model_name.split(",")]
    return [
        *block,
        f"--grpc-port={arguments.grpc_port}",
        f"--http-port={arguments.http_port}",
        f"--metrics-port={arguments.metrics_port}",
        "--disable-auto-complete-config",
        f"--backend-config=python,shm-region-prefix-name=prefix{rank}_",
        ":",
    ]


def launch_command(arguments: argparse.Namespace) -> list[str]:
    """The whole mpirun command line, with upstream's trailing `:`."""
    command = ["mpirun", "--allow-run-as-root"]
    for rank in range(arguments.world_size):
        command += rank_block(arguments, rank)
    return command


def running_servers() -> list[int]:
    """Pids of the tritonserver processes that are on a CPU right now (state R), which is what upstream looks for.

    An idle server sleeps and is not seen: this is no lock.
    """
    pids = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text(errors="replace").partition(" (")
        except OSError:  # the process has ended meanwhile
            continue
        name, _, fields = rest.rpartition(") ")
        if "tritonserver" in name and fields.startswith("R"):
            pids.append(int(pid))
    return pids


def main() -> None:
    arguments = parse_arguments()
    if not arguments.force and (pids := running_servers()):
        raise RuntimeError(f"tritonserver is already running (pid {pids}): end it, or launch another one with --force")
    environment = OPEN_MPI_PLACEMENT | os.environ
    if arguments.multi_model:
        assert arguments.world_size == 1, "--multi-model needs --world_size 1: the leader spawns the other ranks"
        environment["TRTLLM_ORCHESTRATOR"] = "1"
    subprocess.Popen(launch_command(arguments), env=environment)


if __name__ == "__main__":
    main()
