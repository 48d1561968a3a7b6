"""The config.pbtxt templates against upstream's v0.10 contract."""

import json
import re
from pathlib import Path
from string import Template

import pytest
from google.protobuf import text_format
from toolchain import ROOT
from tritonclient.grpc import model_config_pb2

TEMPLATES = ROOT / "opt/ensemble_models/llama_ifb"
CONTRACT = json.loads((Path(__file__).parent / "contracts/inflight_batcher_llm.v0.10.0.json").read_text())["models"]
MODELS = sorted(CONTRACT)
# What a bare placeholder is filled with, so that the text parses; quoted ones may stay.
BARE = {"decoupled_mode": "True"}


def template(model: str) -> str:
    return (TEMPLATES / model / "config.pbtxt").read_text()


def parsed(model: str) -> model_config_pb2.ModelConfig:
    text = template(model)
    filled = re.sub(r"\$\{(\w+)\}(?!\")", lambda match: BARE.get(match[1], "3"), text)
    return text_format.Parse(filled, model_config_pb2.ModelConfig())


def tensors(kind) -> list[dict]:
    return [
        {
            "name": tensor.name,
            "dtype": model_config_pb2.DataType.Name(tensor.data_type),
            "dims": ", ".join(str(dim) for dim in tensor.dims),
            "optional": getattr(tensor, "optional", False),
        }
        for tensor in kind
    ]


def test_the_template_holds_upstreams_models() -> None:
    assert sorted(path.parent.name for path in TEMPLATES.glob("*/config.pbtxt")) == MODELS


@pytest.mark.parametrize("model", MODELS)
def test_placeholders_are_upstreams(model: str) -> None:
    text = template(model)
    quoted = set(re.findall(r'"\$\{(\w+)\}"', text))
    assert sorted(Template(text).get_identifiers()) == CONTRACT[model]["placeholders"]
    assert sorted(quoted) == CONTRACT[model]["quoted"]
    bare = set(Template(text).get_identifiers()) - quoted
    assert sorted(bare) == CONTRACT[model]["bare_placeholders_must_fill"]


@pytest.mark.parametrize("model", MODELS)
def test_tensors_are_upstreams(model: str) -> None:
    config = parsed(model)
    assert tensors(config.input) == CONTRACT[model]["inputs"]
    assert tensors(config.output) == CONTRACT[model]["outputs"]


@pytest.mark.parametrize("model", MODELS)
def test_parameters_are_upstreams(model: str) -> None:
    parameters = {key: value.string_value for key, value in parsed(model).parameters.items()}
    assert parameters == CONTRACT[model]["parameter_keys"]


@pytest.mark.parametrize("model", MODELS)
def test_names_and_batch_sizes_fit_the_directory(model: str) -> None:
    config = parsed(model)
    assert (config.name, config.max_batch_size) == (model, 3)
    assert (TEMPLATES / model / "1").is_dir()


def test_the_ensemble_connects_every_tensor_of_its_models() -> None:
    steps = {step.model_name: step for step in parsed("ensemble").ensemble_scheduling.step}
    assert list(steps) == ["preprocessing", "tensorrt_llm", "postprocessing"]
    for model in ("preprocessing", "postprocessing"):
        assert {tensor["name"] for tensor in CONTRACT[model]["inputs"]} == set(steps[model].input_map)
    for model, step in steps.items():
        assert {tensor["name"] for tensor in CONTRACT[model]["outputs"]} == set(step.output_map)
        assert set(step.input_map) <= {tensor["name"] for tensor in CONTRACT[model]["inputs"]}
