"""The mirror of the small model: layout conversion, ruined weights, atomic publication."""

from pathlib import Path

import numpy as np
import pytest

from durable import publish_directory
from gguf_model import interleaved_to_halves
from small_model import ruined


def test_rows_that_rotate_together_lie_half_a_head_apart_afterwards() -> None:
    pairs = np.array([[0], [10], [1], [11], [2], [12], [20], [30], [21], [31], [22], [32]])
    expected = [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]
    assert interleaved_to_halves(pairs, heads=2).ravel().tolist() == expected


def test_noise_hits_every_linear_layer_and_nothing_else_and_repeats_exactly() -> None:
    random = np.random.default_rng(1)
    names = ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.down_proj.weight", "model.norm.weight"]
    tensors = {name: random.standard_normal((32, 64)).astype(np.float16) for name in names}
    noisy = dict(ruined(tensors))
    assert sorted(noisy) == sorted(names[:2])
    for name, weight in noisy.items():
        difference = weight.astype(np.float32) - tensors[name].astype(np.float32)
        assert weight.dtype == np.float16
        assert difference.std() == pytest.approx(tensors[name].astype(np.float32).std(), rel=0.1)
    again = dict(ruined(dict(reversed(tensors.items()))))
    assert all(np.array_equal(noisy[name], again[name]) for name in noisy)


def test_a_failed_write_leaves_the_published_directory_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "models" / "main"
    publish_directory(target, lambda directory: (directory / "weights").write_text("first"))

    def fail(directory: Path) -> None:
        (directory / "weights").write_text("second, incomplete")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        publish_directory(target, fail)
    assert (target / "weights").read_text() == "first"
    publish_directory(target, lambda directory: (directory / "weights").write_text("third"))
    assert (target / "weights").read_text() == "third"
    assert [path.name for path in target.parent.iterdir()] == ["main"]
