"""What a program of a toolchain does wrong, once, before or instead of its work. Run by logged_program.py."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# One that ignores SIGTERM, in a session of its own; its parent ends at once, so it is nobody's child.
ESCAPED = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
FLOOD_BYTES = 200 * 1024 * 1024
GARBAGE_BYTES = 64 * 1024


def escape() -> list[int]:
    """Starts two grandchildren in sessions of their own. Returns their pids."""
    starter = (
        "import subprocess, sys;"
        "quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        f"print(subprocess.Popen([sys.executable, '-c', {ESCAPED!r}], start_new_session=True, **quiet).pid)"
    )
    return [int(subprocess.check_output([sys.executable, "-c", starter], stderr=subprocess.DEVNULL)) for _ in range(2)]


def output_directory() -> Path:
    """Where the program was told to write."""
    names = ("--output_dir", "--output-dir", "--output")
    return Path(sys.argv[1 + next(index for index, word in enumerate(sys.argv[1:]) if word in names) + 1])


def sabotage(kind: str, log) -> None:  # noqa: ANN001
    """Does what the kind says; returns where the program is to do its work after all."""
    pids = []
    if kind in ("grandchildren", "deaf"):
        pids = escape()
    log(sabotage=kind, pids=pids)
    if kind == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if kind in ("hang", "deaf"):
        while True:
            time.sleep(3600)
    if kind == "flood":
        line = b"x" * 1023 + b"\n"
        for _ in range(FLOOD_BYTES // len(line)):
            os.write(1, line)
    if kind == "garbage":
        for name in ("config.json", "rank0.engine", "rank0.safetensors"):
            (output_directory() / name).write_bytes(os.urandom(GARBAGE_BYTES))
    if kind in ("garbage", "silent"):
        log(exit=0)
        sys.exit(0)
