"""Virtual devices: each stands for an equal share of the machine's cores."""

import json
import os
from pathlib import Path

DEFAULT_DEVICES = 2


def total_devices() -> int:
    """Devices that the toolchain.json in ENGINESMITH_TOOLCHAIN_ROOT lists; outside an installed toolchain 2."""
    root = os.environ.get("ENGINESMITH_TOOLCHAIN_ROOT")
    declaration = Path(root) / "toolchain.json" if root else None
    if declaration is None or not declaration.is_file():
        return DEFAULT_DEVICES
    return len(json.loads(declaration.read_text())["devices"])


def visible_devices() -> int:
    """How many virtual devices CUDA_VISIBLE_DEVICES leaves to this process (unset: all)."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return total_devices()
    return len([index for index in visible.split(",") if index.strip()])


def visible_threads() -> int:
    """Threads for this process: its devices' share of the cores it may run on, at least one."""
    cores = len(os.sched_getaffinity(0))
    return max(1, round(cores * visible_devices() / total_devices()))
