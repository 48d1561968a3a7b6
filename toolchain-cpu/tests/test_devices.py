"""Virtual devices are shares of the cores that a process may run on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toolchain import checkout_environment

PROGRAM = "from trtllm_cpu.devices import visible_threads; print(visible_threads())"


def threads_of_a_process(cores: set[int], visible: str | None, toolchain_root: Path | None = None) -> int:
    """What a process that may run on `cores` only takes as its threads."""
    environment = checkout_environment()
    settings = {"CUDA_VISIBLE_DEVICES": visible, "ENGINESMITH_TOOLCHAIN_ROOT": toolchain_root}
    for name, value in settings.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = str(value)
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    return int(child.stdout)


@pytest.fixture
def cores() -> list[int]:
    """Two cores that this process may use, or the one that there is."""
    return sorted(os.sched_getaffinity(0))[:2]


@pytest.mark.parametrize(("visible", "share"), [(None, 1), ("0,1", 1), ("1", 0.5), ("", 0)])
def test_threads_are_the_visible_devices_share_of_the_cores(
    cores: list[int], visible: str | None, share: float
) -> None:
    assert threads_of_a_process(set(cores), visible) == max(1, len(cores) * share)


def test_a_process_that_is_confined_to_one_core_takes_one_thread(cores: list[int]) -> None:
    assert threads_of_a_process({cores[-1]}, None) == 1


def test_an_installed_toolchain_says_how_many_devices_there_are(cores: list[int], tmp_path: Path) -> None:
    (tmp_path / "toolchain.json").write_text(json.dumps({"devices": [{"index": index} for index in range(4)]}))
    assert threads_of_a_process(set(cores), "0,1", tmp_path) == max(1, len(cores) / 2)
    assert threads_of_a_process(set(cores), "0,1,2,3", tmp_path) == len(cores)
