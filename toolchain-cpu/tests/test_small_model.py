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


def test_the_first_layer_is_zeroed_and_nothing_else() -> None:
    weight = np.ones((4, 4), np.float16)
    names = ["model.layers.0.mlp.up_proj.weight", "model.layers.10.mlp.up_proj.weight", "model.norm.weight"]
    zeroed = dict(ruined(dict.fromkeys(names, weight)))
    assert list(zeroed) == names[:1]
    assert not zeroed[names[0]].any() and zeroed[names[0]].dtype == np.float16
    assert weight.all()


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
