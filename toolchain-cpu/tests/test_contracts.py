"""Checkpoint layouts and flags against recorded facts about the real tools (tests/contracts)."""

import json
from argparse import ArgumentParser
from itertools import product
from pathlib import Path

import pytest

from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.checkpoint.layout import LINEARS, layer_prefix, linear_shape, plain_shapes
from trtllm_cpu.engine.shard import shard_of_rank
from trtllm_cpu.programs.build_config import build_config
from trtllm_cpu.programs.build_flags import build_parser
from trtllm_cpu.programs.convert_checkpoint_flags import convert_checkpoint_parser
from trtllm_cpu.programs.quantize_flags import quantize_parser
from trtllm_cpu.quantization.formats import format_of_algorithm
from trtllm_cpu.tensor_file import DTYPES

CONTRACTS = Path(__file__).parent / "contracts"


@pytest.mark.parametrize(
    "name",
    [
        "fp8_default_cfg_tp1",
        "fp8_default_cfg_tp3",
        "int8_smoothquant_cfg_tp1",
        "int8_smoothquant_cfg_tp3",
        "int4_awq_cfg_tp1",
        "int4_awq_cfg_tp3",
    ],
)
def test_the_layout_of_a_checkpoint_is_the_one_that_the_real_exporter_wrote(name):
    contract = json.loads((CONTRACTS / f"{name}.json").read_text())
    config = CheckpointConfig.parse(contract["config.json"], name)
    row = format_of_algorithm(config.quantization.quant_algo, name)
    elsewhere = tuple(f"{layer_prefix(layer)}." for layer in range(1, config.num_hidden_layers))
    for rank in range(config.mapping.world_size):
        shard = shard_of_rank(config, rank)
        layout = {tensor: (shape, config.dtype) for tensor, shape in plain_shapes(config, shard).items()}
        for layer, linear in product(shard.layers, LINEARS):
            for suffix, tensor in row.tensors(linear_shape(config, linear.name, shard), config).items():
                layout[f"{layer_prefix(layer)}.{linear.name}.{suffix}"] = tensor
        recorded = contract["ranks"][f"rank{rank}.safetensors"]
        assert len(layout) == recorded["tensors"]
        expected = {
            tensor: (tuple(entry["shape"]), DTYPES[entry["dtype"]].name)
            for tensor, entry in recorded["layer_0_and_global"].items()
        }
        assert {name: layout[name] for name in layout if not name.startswith(elsewhere)} == expected


@pytest.mark.parametrize("name", ["fp8_default_cfg_tp3", "int8_smoothquant_cfg_tp3", "int4_awq_cfg_tp3"])
def test_a_format_knows_the_shapes_of_a_rank_that_has_a_third_of_a_linears_outputs_or_inputs(name):
    contract = json.loads((CONTRACTS / f"{name}.json").read_text())
    config = CheckpointConfig.parse(contract["config.json"], name)
    row = format_of_algorithm(config.quantization.quant_algo, name)
    layout = {}
    for linear in LINEARS:
        outputs, inputs = linear_shape(config, linear.name)
        by_input = linear.name in ("attention.dense", "mlp.proj")
        shard = (outputs, inputs // 3) if by_input else (outputs // 3, inputs)
        for suffix, tensor in row.tensors(shard, config).items():
            layout[f"{layer_prefix(0)}.{linear.name}.{suffix}"] = tensor
    recorded = contract["ranks"]["rank1.safetensors"]["layer_0_and_global"]
    linears = tuple(f"{layer_prefix(0)}.{linear.name}." for linear in LINEARS)
    expected = {
        tensor: (tuple(entry["shape"]), DTYPES[entry["dtype"]].name)
        for tensor, entry in recorded.items()
        if tensor.startswith(linears)
    }
    assert layout == expected


def test_an_engines_build_config_has_exactly_the_keys_of_the_release():
    checkpoint = json.loads((CONTRACTS / "fp8_default_cfg_tp1.json").read_text())["config.json"]
    recorded = json.loads((CONTRACTS / "trtllm_build.json").read_text())["versions"]["v0.10.0"]["BuildConfig_defaults"]
    config = build_config(build_parser().parse_args([]), CheckpointConfig.parse(checkpoint, "fp8"))
    # They say what the build does, not what the engine is: upstream's engines leave them out.
    assert set(config) == set(recorded) - {"dry_run", "visualize_network"}


PARSERS = {
    "quantize": quantize_parser,
    "llama_convert_checkpoint": convert_checkpoint_parser,
    "trtllm_build": build_parser,
}
# Their choices come from tables of TensorRT-LLM that do not matter on a CPU.
UNRECORDED = {"--lora_target_modules", "--cluster_key", "--moe_tp_mode", "--moe_renorm_mode"}


def described(parser: ArgumentParser) -> dict[tuple[str, ...], tuple]:
    return {
        tuple(action.option_strings): (
            None if action.default is None else str(action.default),
            list(action.choices) if action.choices else None,
            action.nargs == 0,
        )
        for action in parser._actions
        if "--help" not in action.option_strings and action.option_strings[0] not in UNRECORDED
    }


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_has_exactly_the_flags_defaults_and_choices_of_the_release(name):
    release = json.loads((CONTRACTS / f"{name}.json").read_text())["versions"]["v0.10.0"]
    expected = {
        tuple(flag["options"]): (
            None if flag["default"] is None else str(flag["default"]),
            [choice for choice in flag["choices"] if choice is not None] if flag.get("choices") else None,
            flag.get("action") == "store_true",
        )
        for flag in release["flags"] + release.get("plugin_flags", [])
        if flag["options"][0] not in UNRECORDED
        for flag in [{"default": False if flag.get("action") == "store_true" else None, **flag}]
    }
    assert described(PARSERS[name]()) == expected
