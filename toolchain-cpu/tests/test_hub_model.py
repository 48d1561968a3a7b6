"""Weights as the Hub has them: sharded files, bfloat16, an own lm_head."""

import json

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel


@pytest.fixture
def sharded(tiny_model, tmp_path):
    """The tiny model in bfloat16, in two files with an index, with an lm_head of its own."""
    tensors = {n: w.astype(ml_dtypes.bfloat16) for n, w in load_file(tiny_model / "model.safetensors").items()}
    tensors["lm_head.weight"] = -tensors["model.embed_tokens.weight"]
    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate((names[:7], names[7:]), start=1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, tmp_path / file)
        weight_map |= dict.fromkeys(part, file)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    return tmp_path


def test_a_sharded_bfloat16_model_with_its_own_head_is_read_by_name(sharded, tiny_model):
    model, single = HubModel(sharded), HubModel(tiny_model)
    assert (model.tied_embeddings, single.tied_embeddings) == (False, True)
    table = single.read("model.embed_tokens.weight")
    assert np.array_equal(single.read("lm_head.weight"), table)
    assert np.array_equal(model.read("lm_head.weight"), -table.astype(ml_dtypes.bfloat16))


def test_a_sharded_bfloat16_model_converts_and_builds(sharded, run_program, tmp_path):
    flags = ("--model_dir", sharded, "--dtype", "bfloat16", "--output_dir", tmp_path / "checkpoint")
    converted = run_program("convert", *flags)
    assert converted.returncode == 0, converted.stderr
    built = run_program("build", "--checkpoint_dir", tmp_path / "checkpoint", "--output_dir", tmp_path / "engine")
    assert built.returncode == 0, built.stderr


def test_a_missing_shard_is_named(sharded):
    (sharded / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ToolchainError, match=r"model-00002-of-00002\.safetensors is missing"):
        HubModel(sharded)
