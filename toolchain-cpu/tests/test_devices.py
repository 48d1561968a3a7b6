"""Virtual devices are shares of the cores."""

import json

import pytest

from trtllm_cpu.devices import total_devices, visible_threads


@pytest.mark.parametrize(("visible", "threads"), [(None, 4), ("0,1", 4), ("1", 2), ("", 1)])
def test_threads_are_the_visible_devices_share_of_the_cores(monkeypatch, visible, threads):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    monkeypatch.delenv("ENGINESMITH_TOOLCHAIN_ROOT", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_threads() == threads


def test_an_installed_toolchain_says_how_many_devices_there_are(monkeypatch, tmp_path):
    (tmp_path / "toolchain.json").write_text(json.dumps({"devices": [{"index": 0}, {"index": 1}, {"index": 2}]}))
    monkeypatch.setenv("ENGINESMITH_TOOLCHAIN_ROOT", str(tmp_path))
    assert total_devices() == 3
