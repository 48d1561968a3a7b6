"""launch_triton_server.py v0.10: the exact command line, recorded by a program called mpirun."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toolchain import ROOT

SCRIPT = ROOT / "opt/scripts/launch_triton_server.py"
PORTS = ["--grpc-port=8001", "--http-port=8000", "--metrics-port=8002"]


@pytest.fixture
def launched(tmp_path: Path):
    """Runs the launcher; what mpirun was given is in the record that it returns: argv and environment."""
    recorder = tmp_path / "bin/mpirun"
    recorder.parent.mkdir()
    record = tmp_path / "record.json"
    recorder.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"partial = {str(record) + '.partial'!r}\n"
        "json.dump({'argv': sys.argv[1:], 'environment': dict(os.environ)}, open(partial, 'w'))\n"
        f"os.rename(partial, {str(record)!r})\n"
    )
    recorder.chmod(0o755)

    def run(*arguments: str) -> dict:
        environment = os.environ | {"PATH": f"{recorder.parent}:{os.environ['PATH']}"}
        command = [sys.executable, SCRIPT, "--force", *arguments]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert (finished.returncode, finished.stderr) == (0, "")
        deadline = time.monotonic() + 10
        while not record.exists():  # the launcher does not wait for mpirun
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return json.loads(record.read_text())

    return run


def block(rank: int, before_ports: list[str], ports: list[str] = PORTS) -> list[str]:
    tail = ["--disable-auto-complete-config", f"--backend-config=python,shm-region-prefix-name=prefix{rank}_", ":"]
    return ["-n", "1", "/t/tritonserver", "--model-repository=/repo", *before_ports, *ports, *tail]


def test_one_rank_is_one_block_with_a_trailing_colon(launched) -> None:
    record = launched("--tritonserver", "/t/tritonserver", "--model_repo=/repo")
    assert record["argv"] == ["--allow-run-as-root", *block(0, [])]
    assert "TRTLLM_ORCHESTRATOR" not in record["environment"]


def test_four_ranks_get_the_same_ports_and_the_workers_load_only_the_named_models(launched) -> None:
    record = launched("--tritonserver=/t/tritonserver", "--model_repo=/repo", "--world_size", "4", "--log")
    worker = ["--model-control-mode=explicit", "--load-model=tensorrt_llm"]
    leader = ["--log-verbose=3", "--log-file=triton_log.txt"]
    expected = [*block(0, leader), *block(1, worker), *block(2, worker), *block(3, worker)]
    assert record["argv"] == ["--allow-run-as-root", *expected]


def test_ports_log_file_and_model_names_reach_the_command_line(launched) -> None:
    record = launched(
        *("--tritonserver=/t/tritonserver", "--model_repo=/repo", "--world_size=2", "--log", "--log-file=/l"),
        *("--grpc_port=1", "--http_port=2", "--metrics_port=3", "--tensorrt_llm_model_name=a,b"),
    )
    ports = ["--grpc-port=1", "--http-port=2", "--metrics-port=3"]
    worker = ["--model-control-mode=explicit", "--load-model=a", "--load-model=b"]
    expected = [*block(0, ["--log-verbose=3", "--log-file=/l"], ports), *block(1, worker, ports)]
    assert record["argv"] == ["--allow-run-as-root", *expected]


def test_the_server_of_the_same_root_is_the_default(launched) -> None:
    assert launched("--model_repo=/repo")["argv"][3] == str(ROOT / "opt/tritonserver/bin/tritonserver")


def test_several_models_need_one_rank_and_set_the_orchestrator(launched) -> None:
    assert launched("--multi-model")["environment"]["TRTLLM_ORCHESTRATOR"] == "1"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--multi-model", "--world_size=2", "--force"], 1, "AssertionError"),
        (["--force"], 1, "FileNotFoundError"),
        (["--oversubscribe"], 2, "unrecognized arguments: --oversubscribe"),
    ],
)
def test_fails_as_upstream_does(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    command = [sys.executable, SCRIPT, *arguments]
    failed = subprocess.run(
        command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=30, check=False
    )
    assert failed.returncode == code
    assert message in failed.stderr


def test_refuses_to_launch_beside_a_busy_server_unless_forced(tmp_path: Path) -> None:
    busy = tmp_path / "tritonserver"
    busy.symlink_to("/bin/sh")
    server = subprocess.Popen([busy, "-c", "while :; do :; done"])
    try:
        deadline = time.monotonic() + 10
        while "tritonserver" not in Path(f"/proc/{server.pid}/stat").read_text():
            assert time.monotonic() < deadline
        environment = {"PATH": str(tmp_path)}
        for arguments, error in ([], "RuntimeError: tritonserver is already running"), (["-f"], "FileNotFoundError"):
            command = [sys.executable, SCRIPT, *arguments]
            run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
            assert run.returncode == 1
            assert error in run.stderr
    finally:
        server.kill()
        server.wait()
