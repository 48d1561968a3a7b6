#!/usr/bin/env python3
"""Stands before a program of a toolchain: logs its start and its end, and waits where a test wants it caught.

It lies where the program lies in its own root, beside which `stand-in.json` names the root of the real programs, the log
and the directory of the gates. `<program>.before` holds it before the program runs, `<program>.after` when its output is
there and its outcome is not. `<program>.sabotage` says what it does wrong, once: see sabotage.py.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ["ENGINESMITH_TOOLCHAIN_ROOT"])
STAND_IN = json.loads((ROOT / "stand-in.json").read_text())
PROGRAM = Path(__file__).name
LONGEST_HOLD_SECONDS = 60


def log(**facts: object) -> None:
    line = json.dumps({"program": PROGRAM, "pid": os.getpid(), "time": time.time(), **facts})
    with Path(STAND_IN["log"]).open("a") as file:
        file.write(line + "\n")


def hold(moment: str) -> None:
    gate = Path(STAND_IN["gates"], f"{PROGRAM}.{moment}")
    deadline = time.monotonic() + LONGEST_HOLD_SECONDS
    if gate.exists():
        log(held=moment)
    while gate.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def sabotage() -> None:
    order = Path(STAND_IN["gates"], f"{PROGRAM}.sabotage")
    taken = order.with_suffix(f".{os.getpid()}")
    try:
        # Of several runs at once, one takes it.
        order.rename(taken)
    except FileNotFoundError:
        return
    sys.path.insert(0, STAND_IN["support"])
    module = importlib.import_module("sabotage")
    module.sabotage(taken.read_text(), log)


log(
    argv=sys.argv[1:],
    devices=os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    rank=os.environ.get("OMPI_COMM_WORLD_RANK", ""),
)
sabotage()
hold("before")
real = Path(STAND_IN["root"], Path(__file__).relative_to(ROOT))
code = subprocess.run([sys.executable, str(real), *sys.argv[1:]], check=False).returncode
hold("after")
log(exit=code)
sys.exit(code)
