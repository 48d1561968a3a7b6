"""A real tritonserver over a tiny random Llama, set up with the programs of the toolchain, for the tests."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tiny_llama import write_llama
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from toolchain import AssembledRoot

READY_SECONDS = 60
POSITIONS = 16384
END_TOKEN = "<|end|>"


def write_byte_model(directory: Path) -> None:
    """A random Llama whose tokens are single bytes, so that every character but ASCII is spread over several tokens.

    It never ends by itself: how long an answer is, is up to each test.
    """
    directory.mkdir()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*alphabet, END_TOKEN])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END_TOKEN])
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {"eos_token": END_TOKEN, "tokenizer_class": "PreTrainedTokenizerFast"}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
    write_llama(
        directory,
        never=vocabulary[END_TOKEN],
        vocab_size=len(vocabulary),
        hidden_size=96,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=2 * POSITIONS,
        tie_word_embeddings=False,
    )


def build_engine(root: AssembledRoot, model: Path, work: Path, tp_size: int = 1) -> Path:
    """An engine of `model` for POSITIONS + POSITIONS tokens and four requests at once."""
    checkpoint, engine = work / f"checkpoint-tp{tp_size}", work / f"engine-tp{tp_size}"
    converter = "opt/tensorrt_llm/examples/llama/convert_checkpoint.py"
    root.run(converter, "--model_dir", model, "--output_dir", checkpoint, "--tp_size", tp_size)
    lengths = [f"--max_input_len={POSITIONS}", f"--max_output_len={POSITIONS}", "--max_batch_size=4"]
    root.run("usr/local/bin/trtllm-build", "--checkpoint_dir", checkpoint, "--output_dir", engine, *lengths)
    return engine


def fill_templates(
    root: AssembledRoot,
    repository: Path,
    model: Path,
    engine: Path,
    decoupled: bool,
    generation: str = "exclude_input_in_output:True",
) -> None:
    """A model repository for the engine, from the root's templates; `generation` are values for tensorrt_llm alone."""
    shutil.copytree(root.path / "opt/ensemble_models/llama_ifb", repository)
    batch, mode = "triton_max_batch_size:4", f"decoupled_mode:{decoupled}"
    values = {
        "preprocessing": f"tokenizer_dir:{model},{batch},preprocessing_instance_count:1",
        "postprocessing": f"tokenizer_dir:{model},{batch},postprocessing_instance_count:1",
        "tensorrt_llm_bls": f"{batch},{mode},bls_instance_count:1,accumulate_tokens:True,"
        "tensorrt_llm_model_name:tensorrt_llm",
        "ensemble": batch,
        "tensorrt_llm": f"triton_backend:python,{batch},{mode},max_beam_width:1,engine_dir:{engine},"
        f"batching_strategy:inflight_batching,max_queue_delay_microseconds:600{generation and ','}{generation}",
    }
    for name, substitutions in values.items():
        root.run("opt/scripts/fill_template.py", "-i", repository / name / "config.pbtxt", substitutions)


class Server:
    """A tritonserver in a session of its own, on free loopback ports: one that launch_triton_server.py started.

    `program` is what takes its place and its flags, and is the server's ancestor for as long as that lives.
    """

    def __init__(self, root: AssembledRoot, repository: Path, log: Path, program: list | None = None) -> None:
        self.log = log
        self.grpc_port, self.http_port, self.metrics_port = free_ports(3)
        ports = [f"--{name}_port={getattr(self, name + '_port')}" for name in ("grpc", "http", "metrics")]
        script = root.path / "opt/scripts/launch_triton_server.py"
        with log.open("w") as output:
            launcher = subprocess.Popen(
                [*(program or [sys.executable, script, "--force"]), f"--model_repo={repository}", *ports],
                env=root.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.session = launcher.pid
        assert program is not None or launcher.wait(timeout=30) == 0
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def get(self, path: str, body: dict | None = None) -> tuple[int, str]:
        """Status and text of a GET, or of a POST if there is a body."""
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", data, timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def kill(self) -> None:
        """Ends mpirun and everything that it started: they have process groups of their own, but one session."""
        while pids := session_members(self.session):
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                if self.get("/v2/models/ensemble/ready")[0] == 200:
                    return
            except OSError:
                pass  # not listening yet
            assert session_members(self.session) and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


def session_members(session: int) -> list[int]:
    """Pids of the living processes of a session; zombies have ended and only wait for their parent."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, member_of = stat.read_text(errors="replace").rpartition(") ")[2].split()[:4]
        except OSError:
            continue  # ended meanwhile
        if int(member_of) == session and state not in "ZX":
            members.append(int(stat.parent.name))
    return members


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, of those that the kernel gives to no outgoing connection.

    Any process may take another one before the server opens it. A tritonserver whose metrics port was taken went on
    without it, and crashed some requests later.
    """
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(15000, first_ephemeral)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue  # taken
        ports.append(port)
    return ports


def listening_ports(pid: int) -> set[int]:
    """TCP ports on which a process listens."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(descriptor.readlink()))
        except OSError:
            continue  # closed meanwhile
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and f"socket:[{rest[5]}]" in sockets:
                ports.add(int(local.rpartition(":")[2], 16))
    return ports
