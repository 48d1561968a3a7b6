"""Engines against an independent numpy Llama, and what the runtime refuses."""

import json
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from generated import generated
from numpy_llama import Product, numpy_logits
from safetensors.numpy import load_file, save_file

from trtllm_cpu.checkpoint.layout import LINEARS
from trtllm_cpu.checkpoint.reader import Checkpoint
from trtllm_cpu.engine.runtime import Engine, Sampling
from trtllm_cpu.engine.weights import DenseWeights, Int4Weights, Int8Weights
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel

PROMPT = [3, 14, 15, 92, 65, 35, 89, 79]


def greedy(directory: Path, prompt: list[int], count: int) -> list[int]:
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(numpy_logits(directory, tokens)[-1].argmax()))
    return tokens[len(prompt) :]


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).mean() / np.abs(expected).mean())


def test_full_precision_logits_and_greedy_tokens_equal_the_numpy_model(tiny_model, engines):
    engine = Engine.load(engines["full_prec"])
    np.testing.assert_allclose(engine.logits(PROMPT), numpy_logits(tiny_model, PROMPT), atol=2e-3)
    assert generated(engine, PROMPT, 16) == greedy(tiny_model, PROMPT, 16)


def test_a_hugging_face_model_computes_bit_for_bit_what_its_full_precision_engine_does(tiny_model, engines):
    model = Engine.of_model(HubModel(tiny_model), 32, 16, "float16")
    engine = Engine.load(engines["full_prec"])
    assert np.array_equal(model.logits(PROMPT), engine.logits(PROMPT))
    assert generated(model, PROMPT, 16) == generated(engine, PROMPT, 16)


def test_a_hugging_face_model_is_rounded_to_the_dtype_that_it_is_loaded_as(tiny_model):
    exact, rounded = (Engine.of_model(HubModel(tiny_model), 32, 16, dtype) for dtype in ("float32", "bfloat16"))
    assert 0.0001 < relative_error(rounded.logits(PROMPT), exact.logits(PROMPT)) < 0.05


def test_logits_from_an_index_on_are_the_last_ones_of_all(engines):
    engine = Engine.load(engines["full_prec"])
    np.testing.assert_allclose(engine.logits(PROMPT, 5), engine.logits(PROMPT)[5:], atol=1e-4)


def dequantized(directory: Path) -> dict[str, np.ndarray]:
    """A checkpoint's linears as plain rows under their Hugging Face names."""
    checkpoint = Checkpoint(directory)
    found = {}
    for layer, linear in product(range(checkpoint.config.num_hidden_layers), LINEARS):
        weights = checkpoint.linear(layer, linear.name)
        rows = weights.rows if isinstance(weights, DenseWeights) else restore(weights)
        ends = [192, 256] if linear.name == "attention.qkv" else []
        for source, part in zip(linear.sources, np.split(rows, ends), strict=True):
            found[f"model.layers.{layer}.{source}.weight"] = part
    return found


def restore(weights: Int4Weights) -> np.ndarray:
    blocks = weights.values.reshape(*weights.scales.shape, -1) * weights.scales[:, :, None]
    return blocks.reshape(weights.values.shape) * (1 if weights.input_factor is None else weights.input_factor)


# Int4 engines round activations, too: what that does is test_linear.py's.
@pytest.mark.parametrize(
    ("qformat", "tolerance"), [("fp8", 5e-4), ("int8_wo", 5e-4), ("int4_awq", 0.02), ("int4_wo", 0.02)]
)
def test_a_quantized_engine_computes_what_the_numpy_model_does_with_the_checkpoints_rounded_rows(
    tiny_model, checkpoints, engines, qformat, tolerance
):
    expected = numpy_logits(tiny_model, PROMPT, dequantized(checkpoints[qformat]))
    assert relative_error(Engine.load(engines[qformat]).logits(PROMPT), expected) < tolerance


def smoothquant_product(directory: Path, clips: bool = True) -> Product:
    """Products of int8 values, as an int8_sq checkpoint asks for them; without `clips` of integers of any size."""
    checkpoint = Checkpoint(directory)
    parts: dict[str, Int8Weights] = {}
    for layer, linear in product(range(checkpoint.config.num_hidden_layers), LINEARS):
        whole = checkpoint.linear(layer, linear.name)
        ends = [192, 256] if linear.name == "attention.qkv" else []
        rows = zip(np.split(whole.values, ends), np.split(whole.scales, ends), strict=True)
        for source, (values, scales) in zip(linear.sources, rows, strict=True):
            parts[f"model.layers.{layer}.{source}.weight"] = replace(whole, values=values, scales=scales)

    def apply(name: str, value: np.ndarray, _rows: np.ndarray) -> np.ndarray:
        weights = parts[name]
        rounded = np.rint(value * weights.input_factor / weights.input_scale)
        if clips:
            rounded = np.clip(rounded, -128, 127)
        return rounded @ weights.values.T.astype(np.float64) * (weights.scales * weights.input_scale)

    return apply


# A float64 activation may round to the neighbour of a float32 one: a few such steps are no more than 0.3 % of a logit.
def test_an_int8_sq_engine_multiplies_the_int8_values_that_its_static_scales_give(tiny_model, checkpoints, engines):
    found = Engine.load(engines["int8_sq"]).logits(PROMPT)
    expected = numpy_logits(tiny_model, PROMPT, product=smoothquant_product(checkpoints["int8_sq"]))
    assert relative_error(found, expected) < 0.003 < relative_error(found, numpy_logits(tiny_model, PROMPT))


def test_activations_beyond_what_calibration_saw_are_clipped(run_program, tiny_model, checkpoints, tmp_path):
    """The scales of a checkpoint that was calibrated on activations a third as large."""
    shrunk = Path(shutil.copytree(checkpoints["int8_sq"], tmp_path / "checkpoint"))
    tensors = load_file(shrunk / "rank0.safetensors")
    narrow = {name: value / np.float32(3) for name, value in tensors.items() if "activation_scaling_factor" in name}
    save_file(tensors | narrow, shrunk / "rank0.safetensors")
    lengths = ("--max_input_len", "32", "--max_output_len", "16")
    assert (
        run_program("build", "--checkpoint_dir", shrunk, "--output_dir", tmp_path / "engine", *lengths).returncode == 0
    )
    found = Engine.load(tmp_path / "engine").logits(PROMPT)
    clipped, unclipped = (
        numpy_logits(tiny_model, PROMPT, product=smoothquant_product(shrunk, clips)) for clips in (True, False)
    )
    assert relative_error(found, clipped) < 0.003
    assert relative_error(found, unclipped) > 0.1


# Random weights are the worst case for rounding: int4 loses a tenth a linear; unrelated logits would differ by over 1.
@pytest.mark.parametrize(
    ("qformat", "tolerance"), [("fp8", 0.08), ("int8_wo", 0.03), ("int8_sq", 0.25), ("int4_awq", 0.4), ("int4_wo", 0.4)]
)
def test_a_quantized_engine_is_close_to_full_precision_but_not_equal(engines, qformat, tolerance):
    expected = Engine.load(engines["full_prec"]).logits(PROMPT)
    assert 0.001 < relative_error(Engine.load(engines[qformat]).logits(PROMPT), expected) < tolerance


@pytest.mark.parametrize("qformat", ["fp8", "int8_wo", "int8_sq", "int4_awq", "int4_wo"])
def test_token_by_token_generation_agrees_with_teacher_forced_logits(engines, qformat):
    engine = Engine.load(engines[qformat])
    tokens = generated(engine, PROMPT, 12)
    assert engine.logits(PROMPT + tokens)[len(PROMPT) - 1 : -1].argmax(axis=1).tolist() == tokens


def test_sequences_that_run_side_by_side_do_not_disturb_each_other(engines):
    engine = Engine.load(engines["full_prec"])
    alone = [generated(engine, prompt, 8) for prompt in (PROMPT, [1, 2, 3])]
    first, second = engine.start(PROMPT, 8, None), engine.start([1, 2, 3], 8, None)
    pairs = list(zip(first, second, strict=True))
    assert [[choice.token_id for choice in choices] for choices in zip(*pairs, strict=True)] == alone


def test_a_sequence_ends_before_the_end_token_and_after_a_stop_word(engines):
    engine, drawing = Engine.load(engines["full_prec"]), {"top_k": 0, "temperature": 9.0, "seed": 1}
    free = generated(engine, PROMPT, 10, None, Sampling(**drawing))
    assert len(set(free[:5])) == 5
    assert generated(engine, PROMPT, 10, free[4], Sampling(**drawing)) == free[:4]
    choices = list(engine.start(PROMPT, 10, None, Sampling(**drawing, stop_words=[free[3:5]])))
    assert [choice.token_id for choice in choices] == free[:5]
    assert [choice.is_last for choice in choices] == [False] * 4 + [True]


def test_a_closed_sequence_yields_nothing_more(engines):
    sequence = Engine.load(engines["full_prec"]).start(PROMPT, 10, None)
    next(sequence)
    sequence.close()
    assert list(sequence) == []


@pytest.mark.parametrize(
    ("prompt", "new_tokens", "named"),
    [
        ([1] * 33, 4, "max_input_len is 32"),
        ([1], 17, "max_output_len is 16"),
        ([100], 4, "vocabulary"),
        ([], 4, "0 tok"),
    ],
)
def test_a_request_beyond_the_engine_is_refused_by_the_limits_name(engines, prompt, new_tokens, named):
    with pytest.raises(ToolchainError, match=named):
        Engine.load(engines["full_prec"]).start(prompt, new_tokens, None)


@pytest.fixture
def engine_copy(engines, tmp_path) -> Path:
    return Path(shutil.copytree(engines["fp8"], tmp_path / "engine"))


def test_a_truncated_engine_file_is_refused(engine_copy):
    file = engine_copy / "rank0.engine"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ToolchainError, match=r"rank0\.engine is truncated"):
        Engine.load(engine_copy)


def test_a_missing_engine_file_is_named(engine_copy):
    (engine_copy / "rank0.engine").unlink()
    with pytest.raises(ToolchainError, match=r"rank0\.engine is missing"):
        Engine.load(engine_copy)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda config: config["pretrained_config"]["mapping"].update(tp_size=2), r"world_size is 1.*2 \* 1"),
        (lambda config: config["pretrained_config"]["mapping"].update(tp_size=2, world_size=2), "world_size is 2"),
        (lambda config: config.update(version="0.9.0"), "built by trtllm_cpu 0.9.0"),
        (lambda config: config.pop("reference_runtime"), "built by TensorRT-LLM"),
        (lambda config: config["build_config"].pop("max_input_len"), "max_input_len"),
    ],
)
def test_an_engine_configuration_that_does_not_fit_is_refused(engine_copy, change, named):
    path = engine_copy / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    with pytest.raises(ToolchainError, match=named):
        Engine.load(engine_copy)


def test_an_engine_directory_can_be_moved(engine_copy, engines):
    assert np.array_equal(Engine.load(engine_copy).logits(PROMPT), Engine.load(engines["fp8"]).logits(PROMPT))
