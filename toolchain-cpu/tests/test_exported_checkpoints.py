"""Checkpoints as NVIDIA ModelOpt writes them: the names, dtypes and shapes of tests/contracts, filled with numbers.

Of the recorded exports only the vocabulary and the number of layers are cut down.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from numpy_llama import Product, numpy_logits, plain_product
from safetensors.numpy import load_file, save_file
from tiny_llama import write_llama

from trtllm_cpu.engine.runtime import Engine

CONTRACTS = Path(__file__).parent / "contracts"
EXPORTS = ["fp8_default_cfg_tp1", "int8_smoothquant_cfg_tp1", "int4_awq_cfg_tp1"]
VOCABULARY = 96
LENGTHS = ("--max_input_len", "32", "--max_output_len", "16")
PROMPT = [3, 14, 15, 92, 65, 35, 89, 79]
TYPES = {"F16": np.float16, "F32": np.float32, "I8": np.int8, "F8_E4M3": ml_dtypes.float8_e4m3fn}
LINEARS = {
    "attention.qkv": ("self_attn.q", "self_attn.k", "self_attn.v"),
    "attention.dense": ("self_attn.o",),
    "mlp.fc": ("mlp.gate",),
    "mlp.gate": ("mlp.up",),
    "mlp.proj": ("mlp.down",),
}


@dataclass
class Export:
    """An export of one layer, in memory."""

    config: dict
    tensors: dict[str, np.ndarray]

    def write(self, directory: Path) -> Path:
        directory.mkdir()
        save_file(self.tensors, directory / "rank0.safetensors")
        (directory / "config.json").write_text(json.dumps(self.config))
        return directory


def exported(name: str) -> Export:
    """The recorded export with random numbers, of the size that keeps activations in the range of their rounding."""
    recorded = json.loads((CONTRACTS / f"{name}.json").read_text())
    config = recorded["config.json"] | {"num_hidden_layers": 1, "vocab_size": VOCABULARY}
    random = np.random.default_rng(5)
    entries = recorded["ranks"]["rank0.safetensors"]["layer_0_and_global"]
    tensors = {}
    for tensor, entry in sorted(entries.items()):
        shape = [VOCABULARY if size == 49152 else size for size in entry["shape"]]
        tensors[tensor] = random_values(tensor, tuple(shape), TYPES[entry["dtype"]], random)
    return Export(config, tensors)


def random_values(name: str, shape: tuple[int, ...], dtype: type, random: np.random.Generator) -> np.ndarray:
    if name.endswith("activation_scaling_factor"):
        return np.full(shape, 1 / 32, dtype)
    if name.endswith("weights_scaling_factor"):
        # Powers of two, so that every float type holds them.
        return (2.0 ** random.integers(-11, -8, shape)).astype(dtype)
    if name.endswith(("prequant_scaling_factor", "layernorm.weight", "ln_f.weight")):
        return random.uniform(0.5, 1.5, shape).astype(dtype)
    if dtype == np.int8:
        return random.integers(-128, 128, shape).astype(dtype)
    # FP8 weights have a scale to shrink them, plain ones do not.
    deviation = 40 if dtype == ml_dtypes.float8_e4m3fn else shape[-1] ** -0.5
    return (random.normal(size=shape) * deviation).astype(dtype)


def e4m3_rows(part: dict[str, np.ndarray]) -> np.ndarray:
    return part["weight"].astype(np.float64) * part["weights_scaling_factor"]


def int4_rows(part: dict[str, np.ndarray]) -> np.ndarray:
    """Two output rows a byte, the even one in the low nibble; one scale for 64 inputs of a row."""
    packed = part["weight"].astype(np.int64)
    nibbles = np.stack([packed & 15, packed >> 4 & 15], axis=1).reshape(-1, packed.shape[1])
    values = np.where(nibbles > 7, nibbles - 16, nibbles)
    return values * part["weights_scaling_factor"].repeat(64, axis=1) * part["prequant_scaling_factor"]


def int8_rows(part: dict[str, np.ndarray]) -> np.ndarray:
    return part["weight"].astype(np.float64) * part["weights_scaling_factor"][:, None]


ROWS = dict(zip(EXPORTS, (e4m3_rows, int8_rows, int4_rows), strict=True))


def expected_logits(name: str, export: Export, model: Path) -> np.ndarray:
    """Logits of the numpy model for what the export's tensors mean."""
    weights = {
        "model.embed_tokens.weight": export.tensors["transformer.vocab_embedding.weight"],
        "lm_head.weight": export.tensors["lm_head.weight"],
        "model.norm.weight": export.tensors["transformer.ln_f.weight"],
        "model.layers.0.input_layernorm.weight": export.tensors["transformer.layers.0.input_layernorm.weight"],
        "model.layers.0.post_attention_layernorm.weight": export.tensors["transformer.layers.0.post_layernorm.weight"],
    }
    factors = {}
    for linear, sources in LINEARS.items():
        prefix = f"transformer.layers.0.{linear}."
        part = {key.removeprefix(prefix): value for key, value in export.tensors.items() if key.startswith(prefix)}
        rows = np.split(ROWS[name](part), [576, 768] if len(sources) == 3 else [])
        for source, piece in zip(sources, rows, strict=True):
            weights[f"model.layers.0.{source}_proj.weight"] = piece
            factors[f"model.layers.0.{source}_proj.weight"] = part
    widened = {key: value.astype(np.float64) for key, value in weights.items()}
    product = rounded_product(factors) if name == "int8_smoothquant_cfg_tp1" else plain_product
    return numpy_logits(model, PROMPT, widened, product)


def rounded_product(factors: dict[str, dict[str, np.ndarray]]) -> Product:
    def product(name: str, value: np.ndarray, rows: np.ndarray) -> np.ndarray:
        scale = factors[name]["activation_scaling_factor"].astype(np.float64)
        smoothed = value * factors[name]["prequant_scaling_factor"]
        return np.clip(np.rint(smoothed / scale), -128, 127) * scale @ rows.T

    return product


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A Hugging Face directory of the exports' shape; rope with v0.10's default base, as the exports name none."""
    directory = tmp_path_factory.mktemp("model")
    heads = {"num_attention_heads": 9, "num_key_value_heads": 3}
    sizes = {"hidden_size": 576, "intermediate_size": 1536, "vocab_size": VOCABULARY, "num_hidden_layers": 1}
    write_llama(directory, **heads, **sizes)
    return directory


@pytest.fixture
def build(run_program, tmp_path):
    """build(export): the ended process and the engine's directory."""

    def run(export: Export):
        checkpoint = export.write(tmp_path / f"checkpoint{len(list(tmp_path.iterdir()))}")
        engine = checkpoint.with_suffix(".engine")
        return run_program("build", "--checkpoint_dir", checkpoint, "--output_dir", engine, *LENGTHS), engine

    return run


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_becomes_an_engine_that_computes_what_its_tensors_mean(build, model, name):
    export = exported(name)
    ended, engine = build(export)
    assert ended.returncode == 0, ended.stderr
    found, expected = Engine.load(engine).logits(PROMPT), expected_logits(name, export, model)
    # Int4 engines round activations, too.
    tolerance = 0.01 if name == "int4_awq_cfg_tp1" else 0.002
    assert np.abs(found - expected).mean() / np.abs(expected).mean() < tolerance
    assert np.abs(expected).max() > 1


def test_an_export_without_the_rope_base_is_built_with_a_warning(build):
    export = exported("fp8_default_cfg_tp1")
    assert "rotary_base" not in export.config
    assert "[W]" in build(export)[0].stdout and "has no rotary_base, so it is 10000" in build(export)[0].stdout
    export.config["rotary_base"] = 100000.0
    assert "rotary_base" not in build(export)[0].stdout


OPTIONAL = [
    *("producer", "logits_dtype", "head_size", "use_parallel_embedding", "embedding_sharding_dim", "hidden_act"),
    *("position_embedding_type", "share_embedding_table", "residual_mlp", "bias", "rotary_pct", "rank", "decoder"),
    *("rmsnorm", "lm_head_bias", "mapping"),
]


def without_optional_keys(export: Export) -> None:
    for key in OPTIONAL:
        del export.config[key]
    del export.config["quantization"]["kv_cache_quant_algo"], export.config["quantization"]["exclude_modules"]


def with_keys_of_newer_exporters(export: Export) -> None:
    export.config |= {"rotary_scaling": None, "qk_layernorm": None, "attn_bias": False, "runtime_defaults": None}
    export.config["mapping"] |= {"cp_size": 1, "moe_tp_size": 1, "moe_ep_size": 1, "gpus_per_node": 8}
    export.config["quantization"] |= {"clamp_val": None, "smoothquant_val": 0.5, "use_meta_recipe": False}


def with_bytes_of_no_type(export: Export) -> None:
    for name, value in export.tensors.items():
        if value.dtype in (np.int8, ml_dtypes.float8_e4m3fn):
            export.tensors[name] = value.view(np.uint8)


def with_e4m3_as_int8(export: Export) -> None:
    for name, value in export.tensors.items():
        if value.dtype == ml_dtypes.float8_e4m3fn:
            export.tensors[name] = value.view(np.int8)


def with_factors_without_a_size(export: Export) -> None:
    for name, value in export.tensors.items():
        if value.shape == (1,):
            export.tensors[name] = value.reshape(())


def with_factors_of_another_float(export: Export) -> None:
    for name, value in export.tensors.items():
        if name.endswith("weights_scaling_factor"):
            export.tensors[name] = value.astype(np.float16)
        if name.endswith("prequant_scaling_factor"):
            export.tensors[name] = value.astype(np.float32)


def with_scales_of_a_cache_that_is_none(export: Export) -> None:
    for kind in ("k", "v", "kv"):
        export.tensors[f"transformer.layers.0.attention.{kind}_cache_scaling_factor"] = np.ones(1, np.float32)


@pytest.mark.parametrize("name", EXPORTS)
def test_what_exporters_write_in_several_ways_makes_the_same_engine(build, name):
    export = exported(name)
    expected = (build(export)[1] / "rank0.engine").read_bytes()
    for change in (
        without_optional_keys,
        with_keys_of_newer_exporters,
        with_bytes_of_no_type,
        with_e4m3_as_int8,
        with_factors_without_a_size,
        with_factors_of_another_float,
        with_scales_of_a_cache_that_is_none,
    ):
        changed = exported(name)
        change(changed)
        ended, engine = build(changed)
        assert ended.returncode == 0, f"{change.__name__}: {ended.stderr}"
        assert (engine / "rank0.engine").read_bytes() == expected, change.__name__


def changing(**values: object) -> Callable[[Export], None]:
    return lambda export: export.config.update(values)


def quantizing(**values: object) -> Callable[[Export], None]:
    return lambda export: export.config["quantization"].update(values)


def with_a_bias(export: Export) -> None:
    export.tensors["transformer.layers.0.attention.qkv.bias"] = np.zeros(960, np.float16)


def with_weights_of_the_wrong_type(export: Export) -> None:
    export.tensors["transformer.layers.0.mlp.fc.weight"] = np.zeros((1536, 576), np.float16)


def with_scales_of_blocks(export: Export) -> None:
    export.tensors["transformer.layers.0.mlp.fc.weights_scaling_factor"] = np.zeros((1536, 9), np.float32)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (changing(bias=True), "bias is True; supported: False"),
        (changing(residual_mlp=True), "residual_mlp is True"),
        (changing(decoder="gptnext"), "decoder is 'gptnext'; supported: 'llama'"),
        (changing(rotary_pct=0.5), "rotary_pct is 0.5"),
        (changing(rotary_scaling={"rope_type": "llama3", "factor": 8}), "rotary_scaling is {'rope_type': 'llama3'"),
        (quantizing(quant_algo="MIXED_PRECISION"), "quant_algo is MIXED_PRECISION; supported: null, FP8"),
        (quantizing(quant_algo="W4A8_AWQ"), "quant_algo is W4A8_AWQ: it multiplies weights"),
        (
            quantizing(kv_cache_quant_algo="NVFP4"),
            "/config.json: quantization.kv_cache_quant_algo is NVFP4; supported: null, INT8, FP8",
        ),
        (quantizing(has_zero_point=True), "has_zero_point is True; supported: False"),
        (with_a_bias, "attention.qkv.bias is a bias"),
        (with_weights_of_the_wrong_type, "mlp.fc.weight is float16, expected float8_e4m3fn"),
        (with_scales_of_blocks, "mlp.fc.weights_scaling_factor has shape [1536, 9], config.json asks for [1]"),
    ],
)
def test_what_would_be_computed_otherwise_is_refused_by_name(build, change, named):
    export = exported("fp8_default_cfg_tp1")
    change(export)
    ended, engine = build(export)
    assert ended.returncode == 1
    assert named in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not engine.exists()


def test_the_scale_of_an_fp8_cache_is_1_in_the_engine_whatever_the_checkpoint_says(build):
    engines = []
    for scale in (0.25, 4):
        export = exported("int4_awq_cfg_tp1")
        export.config["quantization"]["kv_cache_quant_algo"] = "FP8"
        export.tensors["transformer.layers.0.attention.kv_cache_scaling_factor"] = np.array([scale], np.float32)
        ended, engine = build(export)
        assert ended.returncode == 0, ended.stderr
        engines.append((engine / "rank0.engine").read_bytes())
    assert engines[0] == engines[1]


def test_swapped_nibbles_ruin_an_awq_checkpoint(build, checkpoints, engines, run_program, tmp_path):
    tensors = load_file(checkpoints["int4_awq"] / "rank0.safetensors")
    swapped = {name: value for name, value in tensors.items() if value.dtype == np.int8}
    for name, value in swapped.items():
        packed = value.view(np.uint8)
        swapped[name] = (packed << 4 | packed >> 4).view(np.int8)
    config = json.loads((checkpoints["int4_awq"] / "config.json").read_text())
    ended, engine = build(Export(config, tensors | swapped))
    assert ended.returncode == 0, ended.stderr
    baseline = Engine.load(engines["full_prec"]).logits(PROMPT)

    def agreement(directory: Path) -> float:
        found = Engine.load(directory).logits(PROMPT)
        return float(np.corrcoef(found.ravel(), baseline.ravel())[0, 1])

    assert agreement(engines["int4_awq"]) > 0.9
    assert agreement(engine) < 0.3
