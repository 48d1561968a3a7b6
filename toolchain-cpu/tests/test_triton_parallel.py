"""An engine of three tensor parallel ranks in real tritonservers, launched as launch_triton_server.py does."""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parallel_engine import rank_processes
from toolchain import AssembledRoot
from triton_server import Server, build_engine, fill_templates, listening_ports, session_members, write_byte_model

import install
from trtllm_cpu.triton.client import Question, ask

RANKS = 3
ENDED_SECONDS = 15
"""How soon nothing may be left of a server that has lost a rank."""


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Server]]:
    """Starts a server of an engine with so many ranks."""
    work = tmp_path_factory.mktemp("parallel-triton")
    root = AssembledRoot(install.assemble_root(work / "toolchain", Path(sys.prefix)))
    write_byte_model(work / "model")
    servers: list[Server] = []

    def start(ranks: int) -> Server:
        repository = work / f"repository-{len(servers)}"
        engine = work / f"engine-tp{ranks}"
        if not engine.exists():
            build_engine(root, work / "model", work, ranks)
        fill_templates(root, repository, work / "model", engine, decoupled=True)
        launcher = [sys.executable, root.path / "opt/scripts/launch_triton_server.py", "--force"]
        program = [*launcher, f"--world_size={ranks}"]
        servers.append(Server(root, repository, work / f"triton-{len(servers)}.log", program))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def server(launch: Callable[[int], Server]) -> Server:
    return launch(RANKS)


def answer(server: Server, max_tokens: int, stream: bool = True) -> Iterator[str]:
    return ask(server.url, "ensemble", Question("Hello", max_tokens, stream), timeout_seconds=60)


def test_three_ranks_answer_what_one_does(server: Server, launch: Callable[[int], Server]) -> None:
    alone = launch(1)
    expected = list(answer(alone, 24))
    alone.kill()
    assert list(answer(server, 24)) == expected
    assert len(expected) == 24


def test_each_rank_has_only_its_own_engine_open_and_only_the_leader_listens(server: Server) -> None:
    members = session_members(server.session)
    processes = rank_processes(members)
    assert set(processes) == {"rank0.engine", "rank1.engine", "rank2.engine"}
    ports = {server.grpc_port, server.http_port, server.metrics_port}
    servers = {rank: parent_of(processes[f"rank{rank}.engine"]) for rank in range(RANKS)}
    assert ports <= listening_ports(servers[0])
    assert listening_ports(servers[1]) == listening_ports(servers[2]) == set()


def test_a_stopped_rank_stops_the_tokens_and_a_continued_one_resumes_them(server: Server) -> None:
    tokens: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for text in answer(server, 800):
            tokens.put(text)

    reader = threading.Thread(target=read)
    reader.start()
    rank1 = rank_processes(session_members(server.session))["rank1.engine"]
    for _ in range(5):
        tokens.get(timeout=30)
    os.kill(rank1, signal.SIGSTOP)
    try:
        # What was on its way still comes; then nothing does, for longer than a hundred tokens take.
        with pytest.raises(queue.Empty):
            for _ in range(800):
                tokens.get(timeout=2)
        assert reader.is_alive()
    finally:
        os.kill(rank1, signal.SIGCONT)
    tokens.get(timeout=30)
    reader.join(timeout=60)
    assert not reader.is_alive()


@pytest.mark.parametrize(
    ("rank", "victim"),
    [(0, "model process"), (2, "model process"), (0, "tritonserver"), (1, "tritonserver")],
)
def test_a_killed_rank_ends_the_whole_server(launch: Callable[[int], Server], rank: int, victim: str) -> None:
    server = launch(RANKS)
    model_process = rank_processes(session_members(server.session))[f"rank{rank}.engine"]
    os.kill(model_process if victim == "model process" else parent_of(model_process), signal.SIGKILL)
    deadline = time.monotonic() + ENDED_SECONDS
    while left := session_members(server.session):
        assert time.monotonic() < deadline, (left, server.log.read_text())
        time.sleep(0.1)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
