"""Two checkpoints compared: each kind of difference is found, and nothing else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from trtllm_cpu.compare.checkpoints import ABSENT, compare_checkpoints

FC = "transformer.layers.0.mlp.fc"


@pytest.fixture
def changed(checkpoints, tmp_path):
    """changed(format, change): a copy of a checkpoint whose tensors, by name, went through `change`."""

    def copy(qformat: str, change) -> Path:
        directory = Path(shutil.copytree(checkpoints[qformat], tmp_path / "changed"))
        tensors = load_file(directory / "rank0.safetensors")
        change(tensors)
        save_file(tensors, directory / "rank0.safetensors")
        return directory

    return copy


def test_a_checkpoint_is_the_same_as_itself(checkpoints):
    found = compare_checkpoints(checkpoints["fp8"], checkpoints["fp8"])
    assert found.same_layout
    assert (found.added, found.config, found.equal_weights) == ([], {}, 1.0)
    assert {kind: values.max() for kind, values in found.scales.items()} == {
        "activation_scaling_factor": 0,
        "weights_scaling_factor": 0,
    }


def test_tensors_that_are_missing_added_or_of_another_kind_are_named(checkpoints, changed):
    def change(tensors):
        del tensors["transformer.ln_f.weight"]
        tensors["extra"] = np.zeros(1, np.float32)
        tensors[f"{FC}.weight"] = tensors[f"{FC}.weight"].astype(np.float32)
        tensors["lm_head.weight"] = tensors["lm_head.weight"][:-1]

    found = compare_checkpoints(checkpoints["full_prec"], changed("full_prec", change))
    assert not found.same_layout
    assert found.missing == ["rank0: transformer.ln_f.weight"]
    assert found.added == ["rank0: extra"]
    assert found.changed == [
        "rank0: lm_head.weight: F16 [100, 192], F16 [99, 192]",
        f"rank0: {FC}.weight: F16 [256, 192], F32 [256, 192]",
    ]


def test_scales_are_compared_relative_to_the_first_checkpoints(checkpoints, changed):
    def change(tensors):
        tensors[f"{FC}.weights_scaling_factor"][0, 0] *= 1.5

    found = compare_checkpoints(checkpoints["int4_awq"], changed("int4_awq", change))
    differences = found.scales["weights_scaling_factor"]
    assert differences.max() == pytest.approx(0.5)
    assert np.count_nonzero(differences) == 1
    assert not found.scales["prequant_scaling_factor"].any()
    assert found.same_layout


def test_of_two_int4_values_a_byte_each_is_compared_by_itself(checkpoints, changed):
    def change(tensors):
        tensors[f"{FC}.weight"][0, 0] ^= 0x10

    found = compare_checkpoints(checkpoints["int4_awq"], changed("int4_awq", change))
    linears = (320, 192), (192, 192), (256, 192), (256, 192), (192, 256)
    values = 2 * sum(outputs * inputs for outputs, inputs in linears)
    assert found.equal_weights == pytest.approx(1 - 1 / values, abs=1e-9)


def test_keys_of_the_configurations_that_differ_are_named_with_both_values(checkpoints, tmp_path):
    other = Path(shutil.copytree(checkpoints["fp8"], tmp_path / "other"))
    values = json.loads((other / "config.json").read_text())
    del values["kv_dtype"]
    values["producer"] = {"name": "modelopt"}
    values["quantization"]["quant_algo"] = "W8A16"
    (other / "config.json").write_text(json.dumps(values))
    assert compare_checkpoints(checkpoints["fp8"], other).config == {
        "kv_dtype": ("float16", ABSENT),
        "quantization.quant_algo": ("FP8", "W8A16"),
        "producer.name": (ABSENT, "modelopt"),
    }
