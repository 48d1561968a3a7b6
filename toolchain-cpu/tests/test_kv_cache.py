"""Caches of int8 and FP8: what attention keeps and reads back, whose scale is measured where, what the files say."""

import json
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from generated import generated
from graphs import run_graph
from numpy_llama import numpy_logits, rotate, split
from onnx import TensorProto
from safetensors.numpy import load_file, save_file

from trtllm_cpu.checkpoint.reader import Checkpoint
from trtllm_cpu.engine.graph import Graph, store_inline
from trtllm_cpu.engine.kv_cache import FLOAT32_CACHE, FP8_CACHE, INT8_CACHE, KeyValueFormat
from trtllm_cpu.engine.llama import LayerWeights, attend, attention_inputs
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.engine.shard import Shard
from trtllm_cpu.tokenizer import ModelTokenizer

HEADS, KEY_VALUE_HEADS, SIZE, BASE = 4, 2, 16, 10000.0
WIDTH = (HEADS + 2 * KEY_VALUE_HEADS) * SIZE
CAPACITY = 24
SCALE = 0.02
PROMPT = [3, 14, 15, 92, 65, 35, 89, 79]


def int8_rounded(value: np.ndarray, scale: float) -> np.ndarray:
    return np.clip(np.rint(value / scale), -128, 127)


def e4m3_rounded(value: np.ndarray) -> np.ndarray:
    return np.clip(value, -448, 448).astype(ml_dtypes.float8_e4m3fn).astype(np.float64)


class Attention:
    """One layer's attention with its cache, for a batch of sequences."""

    def __init__(self, kept_as: KeyValueFormat, batch: int):
        shard = Shard(
            tensor_rank=0,
            tensor_size=1,
            stage=0,
            stages=1,
            layers=range(1),
            heads=HEADS,
            key_value_heads=KEY_VALUE_HEADS,
            intermediate_size=0,
            head_size=SIZE,
            norm_epsilon=1e-5,
            key_value_format=kept_as,
        )
        self._graph = Graph(store_inline)
        projected = self._graph.input("projected", TensorProto.FLOAT, ["batch", "tokens", WIDTH])
        inputs = attention_inputs(self._graph, shard, BASE, CAPACITY, projected)
        weights = LayerWeights(None, None, key_value_scale=lambda: np.array([SCALE], np.float32))
        attended = attend(self._graph, projected, 0, shard, inputs, weights)
        self._graph.output(attended, TensorProto.FLOAT, ["batch", "tokens", HEADS * SIZE])
        self.cache = [np.zeros((batch, KEY_VALUE_HEADS, CAPACITY, SIZE), kept_as.dtype) for _ in range(2)]

    def step(self, projected: np.ndarray, lengths: list[int]) -> np.ndarray:
        """Appends tokens [batch, tokens, WIDTH]; afterwards the sequences are `lengths` long."""
        *self.cache, attended = run_graph(
            self._graph,
            projected=projected,
            past_key_0=self.cache[0],
            past_value_0=self.cache[1],
            last_positions=np.array(lengths, np.int32) - 1,
            total_length=np.array(max(lengths), np.int32),
        )
        return attended


@pytest.fixture
def projected() -> np.ndarray:
    """Queries, keys and values of 12 tokens; some lie beyond the range of either rounded cache."""
    value = np.random.default_rng(2).normal(size=(12, WIDTH)).astype(np.float32)
    value[::3] *= 400
    return value


def test_an_int8_cache_keeps_rotated_keys_and_values_as_multiples_of_its_scale(projected):
    attention = Attention(INT8_CACHE, batch=1)
    attention.step(projected[None], [len(projected)])
    keys, values = (part[0, :, : len(projected)] for part in attention.cache)
    parts = np.split(projected, [HEADS * SIZE, (HEADS + KEY_VALUE_HEADS) * SIZE], axis=1)
    assert np.array_equal(values, int8_rounded(split(parts[2], KEY_VALUE_HEADS), np.float32(SCALE)))
    expected = int8_rounded(rotate(split(parts[1], KEY_VALUE_HEADS), BASE), SCALE)
    # A key that falls between two steps may round either way: it is rotated in float32 here, in float64 there.
    assert np.abs(keys - expected).max() <= 1 and (keys != expected).mean() < 0.01
    assert (values == 127).any() and (values == -128).any()


def test_an_fp8_cache_keeps_rotated_keys_and_values_as_e4m3_which_saturate(projected):
    attention = Attention(FP8_CACHE, batch=1)
    attention.step(projected[None], [len(projected)])
    keys, values = (part[0, :, : len(projected)] for part in attention.cache)
    parts = np.split(projected, [HEADS * SIZE, (HEADS + KEY_VALUE_HEADS) * SIZE], axis=1)
    assert np.array_equal(values, e4m3_rounded(split(parts[2], KEY_VALUE_HEADS)))
    expected = e4m3_rounded(rotate(split(parts[1], KEY_VALUE_HEADS), BASE))
    assert (keys != expected).mean() < 0.01
    assert np.array_equal(keys, e4m3_rounded(keys))
    assert values.max() == 448 and values.min() == -448


@pytest.mark.parametrize("kept_as", [FLOAT32_CACHE, INT8_CACHE, FP8_CACHE], ids=["float32", "int8", "fp8"])
def test_sequences_of_different_lengths_in_a_batch_attend_as_each_does_alone(kept_as):
    lengths = [3, 9, 6]
    tokens = np.random.default_rng(6).normal(size=(3, 11, WIDTH)).astype(np.float32)
    together = Attention(kept_as, batch=3)
    first = together.step(tokens[:, :9], lengths)
    steps = [
        together.step(
            np.stack([tokens[row, length + step] for row, length in enumerate(lengths)])[:, None],
            [length + step + 1 for length in lengths],
        )
        for step in range(2)
    ]
    for row, length in enumerate(lengths):
        alone = Attention(kept_as, batch=1)
        prompt = alone.step(tokens[row : row + 1, :length], [length])
        np.testing.assert_allclose(first[row, :length], prompt[0], atol=1e-5)
        for step, found in enumerate(steps):
            expected = alone.step(tokens[row : row + 1, length + step][:, None], [length + step + 1])
            np.testing.assert_allclose(found[row], expected[0], atol=1e-5)


@pytest.fixture(scope="module")
def quantized(run_program, tiny_model, calibration_articles, tmp_path_factory):
    """quantized(cache, samples, qformat): a checkpoint, made once, and its engine."""
    base = tmp_path_factory.mktemp("cached")

    def make(cache: str, samples: int = 8, qformat: str = "full_prec") -> tuple[Path, Path]:
        checkpoint, engine = (base / f"{cache}-{samples}-{qformat}-{kind}" for kind in ("checkpoint", "engine"))
        if not engine.exists():
            calibration = ("--calib_dataset", calibration_articles, "--calib_size", samples)
            flags = ("--qformat", qformat, "--kv_cache_dtype", cache, *calibration)
            ended = run_program("quantize", "--model_dir", tiny_model, "--output_dir", checkpoint, *flags)
            assert ended.returncode == 0, ended.stderr
            assert "Calibrating batch 7" in ended.stdout
            build(run_program, checkpoint, engine)
        return checkpoint, engine

    return make


def build(run_program, checkpoint: Path, engine: Path) -> None:
    lengths = ("--max_input_len", "32", "--max_output_len", "16")
    ended = run_program("build", "--checkpoint_dir", checkpoint, "--output_dir", engine, *lengths)
    assert ended.returncode == 0, ended.stderr


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).mean() / np.abs(expected).mean())


def test_the_engines_compute_what_the_numpy_model_does_with_a_rounded_cache(quantized, tiny_model):
    checkpoint, engine = quantized("int8")
    scales = [
        Checkpoint(checkpoint).read(f"transformer.layers.{layer}.attention.kv_cache_scaling_factor") for layer in (0, 1)
    ]
    rounded = numpy_logits(
        tiny_model, PROMPT, keep=lambda layer, kept: int8_rounded(kept, scales[layer]) * scales[layer]
    )
    exact = numpy_logits(tiny_model, PROMPT)
    assert relative_error(Engine.load(engine).logits(PROMPT), rounded) < 0.001 < relative_error(rounded, exact)
    rounded = numpy_logits(tiny_model, PROMPT, keep=lambda _layer, kept: e4m3_rounded(kept))
    _, engine = quantized("fp8")
    assert relative_error(Engine.load(engine).logits(PROMPT), rounded) < 0.001 < relative_error(rounded, exact)


@pytest.mark.parametrize("cache", ["int8", "fp8"])
def test_token_by_token_generation_reads_the_cache_that_a_whole_text_would(quantized, cache):
    engine = Engine.load(quantized(cache)[1])
    tokens = generated(engine, PROMPT, 12)
    assert engine.logits(PROMPT + tokens)[len(PROMPT) - 1 : -1].argmax(axis=1).tolist() == tokens


@pytest.mark.parametrize(("cache", "largest"), [("int8", 127), ("fp8", 448)])
def test_the_scale_is_the_greatest_rotated_key_or_value_of_the_calibration_texts(
    quantized, tiny_model, calibration_articles, cache, largest
):
    checkpoint = Checkpoint(quantized(cache)[0])
    tokenizer = ModelTokenizer(tiny_model)
    rows = (calibration_articles / "train.jsonl").read_text().splitlines()[:8]
    seen = {0: 0.0, 1: 0.0}

    def measured(layer: int, kept: np.ndarray) -> np.ndarray:
        seen[layer] = max(seen[layer], np.abs(kept).max())
        return kept

    for row in rows:
        numpy_logits(tiny_model, tokenizer.encode(json.loads(row)["article"]), keep=measured)
    for layer, greatest in seen.items():
        scale = checkpoint.read(f"transformer.layers.{layer}.attention.kv_cache_scaling_factor")
        assert (scale.shape, scale.dtype) == ((1,), np.float32)
        assert scale.item() == pytest.approx(greatest / largest, rel=1e-5)


def engine_bytes(engine: Path) -> bytes:
    return (engine / "rank0.engine").read_bytes()


@pytest.mark.parametrize("qformat", ["int4_wo", "full_prec"])
def test_the_number_of_calibration_samples_does_not_reach_an_fp8_cache_but_does_an_int8_one(quantized, qformat):
    few, many = (quantized("fp8", samples, qformat) for samples in (8, 64))
    assert (few[0] / "rank0.safetensors").read_bytes() != (many[0] / "rank0.safetensors").read_bytes()
    assert engine_bytes(few[1]) == engine_bytes(many[1])
    assert (few[1] / "config.json").read_bytes() == (many[1] / "config.json").read_bytes()
    few, many = (quantized("int8", samples, qformat) for samples in (8, 64))
    assert engine_bytes(few[1]) != engine_bytes(many[1])


def test_weights_and_cache_are_quantized_independently(quantized, checkpoints):
    checkpoint = Checkpoint(quantized("int8", qformat="int4_wo")[0])
    quantization = checkpoint.config.quantization
    assert (quantization.quant_algo, quantization.kv_cache_quant_algo) == ("W4A16", "INT8")
    name = "transformer.layers.1.mlp.gate.weight"
    assert np.array_equal(checkpoint.read(name), Checkpoint(checkpoints["int4_wo"]).read(name))


def test_an_int8_cache_needs_its_scales_and_an_fp8_one_does_not(quantized, run_program, tmp_path):
    for cache, complete in (("int8", False), ("fp8", True)):
        original, engine = quantized(cache)
        checkpoint = Path(shutil.copytree(original, tmp_path / cache))
        tensors = load_file(checkpoint / "rank0.safetensors")
        kept = {name: value for name, value in tensors.items() if "kv_cache_scaling_factor" not in name}
        assert len(kept) == len(tensors) - 2
        save_file(kept, checkpoint / "rank0.safetensors")
        lengths = ("--max_input_len", "32", "--max_output_len", "16")
        ended = run_program("build", "--checkpoint_dir", checkpoint, "--output_dir", tmp_path / "engine", *lengths)
        assert (ended.returncode == 0) == complete
        if complete:
            assert engine_bytes(tmp_path / "engine") == engine_bytes(engine)
        else:
            assert "attention.kv_cache_scaling_factor is missing" in ended.stderr


def test_convert_checkpoint_measures_the_scales_that_quantize_does(
    quantized, run_program, tiny_model, calibration_articles, tmp_path
):
    flags = ("--int8_kv_cache", "--calib_dataset", calibration_articles)
    ended = run_program("convert", "--model_dir", tiny_model, "--output_dir", tmp_path / "checkpoint", *flags)
    assert ended.returncode == 0, ended.stderr
    assert Checkpoint(tmp_path / "checkpoint").config.quantization.kv_cache_quant_algo == "INT8"
    converted, quantized_ = (
        load_file(directory / "rank0.safetensors") for directory in (tmp_path / "checkpoint", quantized("int8", 64)[0])
    )
    assert converted.keys() == quantized_.keys()
    assert all(np.array_equal(converted[name], quantized_[name]) for name in converted)


def test_an_engine_says_how_it_keeps_keys_and_values(quantized):
    config = json.loads((quantized("fp8")[1] / "config.json").read_text())
    assert config["pretrained_config"]["quantization"]["kv_cache_quant_algo"] == "FP8"
    assert config["build_config"]["strongly_typed"] is True
    assert "kept as float32" in config["reference_runtime"]["kv_cache_fp8"]


@pytest.mark.parametrize("cache", ["int8", "fp8"])
def test_paged_context_attention_is_refused_with_such_a_cache_as_upstream_does(quantized, run_program, tmp_path, cache):
    flags = ("--checkpoint_dir", quantized(cache)[0], "--output_dir", tmp_path / "engine")
    ended = run_program("build", *flags, "--use_paged_context_fmha", "enable")
    assert ended.returncode == 1
    assert f"--use_paged_context_fmha enable does not work with a KV cache of {cache.upper()}" in ended.stderr
