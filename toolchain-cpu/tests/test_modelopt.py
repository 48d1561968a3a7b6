"""quantize.py with ModelOpt, as far as it goes without torch; compare_quantizers.py is the check with it."""

import json
from pathlib import Path

import pytest

from compare_quantizers import comparable
from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.modelopt.calibration import padded_token_ids
from trtllm_cpu.modelopt.choice import VARIABLE, modelopt_is_asked_for
from trtllm_cpu.modelopt.config_file import completed
from trtllm_cpu.modelopt.program import quantize
from trtllm_cpu.modelopt.recipes import RECIPES
from trtllm_cpu.programs.quantize_flags import quantize_parser
from trtllm_cpu.tokenizer import ModelTokenizer

CONTRACT = Path(__file__).parent / "contracts/fp8_default_cfg_tp1.json"


@pytest.mark.parametrize(
    ("asked", "named"),
    [("modelopt", "pip install .[modelopt]"), ("ammo", "expected built-in (the default) or modelopt")],
)
def test_a_quantizer_that_is_not_there_is_refused_in_one_line_that_says_what_to_do(
    run_program, tiny_model, tmp_path, asked, named
):
    ended = run_program("quantize", "--model_dir", tiny_model, "--output_dir", tmp_path / "out", **{VARIABLE: asked})
    assert ended.returncode == 1
    assert f"{VARIABLE} is {asked}" in ended.stderr
    assert named in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}, {VARIABLE: "built-in"}])
def test_our_own_quantizer_runs_unless_the_environment_asks_for_the_other(environment):
    assert not modelopt_is_asked_for(environment)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--qformat", "w4a8_awq"], "--qformat w4a8_awq is not supported with ModelOpt"),
        (["--dtype", "float32"], "--dtype float32 is not supported with ModelOpt"),
        (["--tp_size", "4"], "tp_size 4 does not split 6 heads"),
        (["--pp_size", "3"], "pp_size 3 does not split 2 layers"),
        (["--qformat", "int4_awq", "--awq_block_size", "128"], "legal sizes: 16, 32, 64"),
        (["--qformat", "int4_awq", "--awq_block_size", "64", "--tp_size", "2"], "legal sizes: 16, 32"),
    ],
)
def test_what_modelopt_cannot_do_is_refused_before_anything_is_loaded(tiny_model, tmp_path, flags, named):
    common = ["--model_dir", str(tiny_model), "--output_dir", str(tmp_path / "out")]
    with pytest.raises(ToolchainError) as refusal:
        quantize(quantize_parser().parse_args([*common, *flags]))
    assert named in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_texts_are_cut_and_filled_up_at_the_left_with_the_padding_token(tiny_model):
    tokenizer = ModelTokenizer(tiny_model)
    rows = padded_token_ids(tokenizer, ["word1 word2 word3 word4", "word5"], maximum_length=3)
    assert rows == [[1, 2, 3], [99, 99, 5]]


def test_the_exported_configuration_gets_the_models_rope_base_which_modelopt_leaves_out(tiny_model):
    exported = json.loads(CONTRACT.read_text())["config.json"]
    shape = HubModel(tiny_model).shape
    values = completed(exported, RECIPES["fp8"], shape, shares_embedding=False)
    assert "rotary_base" not in exported
    assert values == {**exported, "rotary_base": shape.rotary_base}
    assert CheckpointConfig.parse(values, "exported").rotary_base == shape.rotary_base


@pytest.mark.parametrize(
    ("qformat", "quant_algo"), [("int8_wo", "W8A16"), ("int4_wo", "W4A16"), ("full_prec", None), ("fp8", "FP8")]
)
def test_the_exported_configuration_names_the_format_that_trtllm_build_rounds_to(tiny_model, qformat, quant_algo):
    exported = {"quantization": {"quant_algo": "FP8" if qformat == "fp8" else None, "kv_cache_quant_algo": "INT8"}}
    values = completed(exported, RECIPES[qformat], HubModel(tiny_model).shape, shares_embedding=True)
    assert values["quantization"] == {"quant_algo": quant_algo, "kv_cache_quant_algo": "INT8"}
    assert values["share_embedding_table"] is True


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(0.5, 0.7, True), (0.8, 0.5, False), (0.0001, 0.009, True), (0.0001, 0.02, False)]
)
def test_quantizers_are_comparable_where_neither_loses_half_as_much_again(first, second, expected):
    assert comparable(first, second) is expected
