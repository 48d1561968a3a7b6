"""What each format stores and runs, value by value."""

from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from trtllm_cpu.checkpoint.reader import Checkpoint
from trtllm_cpu.engine.file import read_graphs
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.quantization.format import Calibration, QuantizeOptions
from trtllm_cpu.quantization.int4_awq import INT4_AWQ, check_block_size
from trtllm_cpu.quantization.int8_sq import INT8_SMOOTHQUANT
from trtllm_cpu.quantization.rounding import INT4, pack_output_rows, round_blocks, unpack_output_rows

FC = "transformer.layers.0.mlp.fc"


@pytest.fixture(scope="module")
def gate_proj(tiny_model) -> np.ndarray:
    tensors = load_file(tiny_model / "model.safetensors")
    return tensors["model.layers.0.mlp.gate_proj.weight"].astype(np.float32)


def test_full_precision_stores_qkv_as_the_rows_of_q_then_k_then_v(tiny_model, checkpoints):
    source = load_file(tiny_model / "model.safetensors")
    parts = [source[f"model.layers.1.self_attn.{name}_proj.weight"] for name in "qkv"]
    stored = Checkpoint(checkpoints["full_prec"]).read("transformer.layers.1.attention.qkv.weight")
    assert np.array_equal(stored, np.concatenate(parts))


def test_fc_is_gate_proj_and_gate_is_up_proj(tiny_model, checkpoints):
    source = load_file(tiny_model / "model.safetensors")
    checkpoint = Checkpoint(checkpoints["full_prec"])
    for stored, name in (("fc", "gate_proj"), ("gate", "up_proj"), ("proj", "down_proj")):
        expected = source[f"model.layers.0.mlp.{name}.weight"]
        assert np.array_equal(checkpoint.read(f"transformer.layers.0.mlp.{stored}.weight"), expected)


def test_int4_wo_keeps_float16_on_disk_and_runs_the_rows_rounded_by_an_eighth_of_their_maximum(checkpoints, gate_proj):
    checkpoint = Checkpoint(checkpoints["int4_wo"])
    assert np.array_equal(checkpoint.read(f"{FC}.weight"), gate_proj.astype(np.float16))
    scales = np.abs(gate_proj).max(axis=1, keepdims=True) / np.float32(8)
    weights = checkpoint.linear(0, "mlp.fc")
    assert np.array_equal(weights.scales, scales)
    assert np.array_equal(weights.values, np.clip(np.rint(gate_proj / scales), -8, 7))
    assert weights.values.min() == -8
    assert weights.values.max() == 7


def engine_tensor(engine: Path, name: str) -> np.ndarray:
    """A weight from where an engine file's graph says that it lies."""
    path = engine / "rank0.engine"
    [graph] = read_graphs(path)
    weights = {weight.name: weight for weight in onnx.ModelProto.FromString(graph).graph.initializer}
    place = {entry.key: entry.value for entry in weights[name].external_data}
    offset, length = int(place["offset"]), int(place["length"])
    data = path.read_bytes()[offset : offset + length]
    return np.frombuffer(data, onnx.helper.tensor_dtype_to_np_dtype(weights[name].data_type)).reshape(
        weights[name].dims
    )


def test_an_int4_wo_engine_holds_exactly_the_rows_over_an_eighth_of_their_maximum_rounded_and_clipped(
    engines, gate_proj
):
    scales = np.abs(gate_proj).max(axis=1, keepdims=True) / np.float32(8)
    packed = engine_tensor(engines["int4_wo"], f"{FC}.weight").reshape(len(gate_proj), -1)
    shifted = np.stack([packed & 15, packed >> 4], axis=2).reshape(gate_proj.shape)
    assert np.array_equal(shifted.astype(int) - 8, np.clip(np.rint(gate_proj / scales), -8, 7))
    blocks = engine_tensor(engines["int4_wo"], f"{FC}.scales").reshape(len(gate_proj), -1)
    assert np.array_equal(blocks, np.repeat(scales, blocks.shape[1], axis=1))


@pytest.mark.parametrize(("precision", "qformat"), [("int8", "int8_wo"), ("int4", "int4_wo")])
def test_weights_rounded_at_conversion_make_the_engine_that_weights_rounded_at_the_build_do(
    run_program, tiny_model, engines, gate_proj, tmp_path, precision, qformat
):
    flags = ("--use_weight_only", "--weight_only_precision", precision)
    ended = run_program("convert", "--model_dir", tiny_model, "--output_dir", tmp_path / "checkpoint", *flags)
    assert ended.returncode == 0, ended.stderr
    stored = load_file(tmp_path / "checkpoint/rank0.safetensors")
    scales, values = stored[f"{FC}.per_channel_scale"], stored[f"{FC}.weight"]
    assert (scales.dtype, scales.shape) == (np.float16, (256,))
    # TensorRT-LLM's shapes: an input a row, two int4 of neighbouring outputs a byte.
    assert (values.dtype, values.shape) == (np.int8, (192, 256 if precision == "int8" else 128))
    assert f"{FC}.weights_scaling_factor" not in stored
    lengths = ("--max_input_len", "32", "--max_output_len", "16")
    built = run_program("build", "--checkpoint_dir", tmp_path / "checkpoint", "--output_dir", tmp_path / "e", *lengths)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "e/rank0.engine").read_bytes() == (engines[qformat] / "rank0.engine").read_bytes()


def test_weights_that_another_converter_rounded_are_refused_since_a_gpu_decides_their_order(
    run_program, tiny_model, tmp_path
):
    flags = ("--model_dir", tiny_model, "--output_dir", tmp_path / "checkpoint", "--use_weight_only")
    assert run_program("convert", *flags).returncode == 0
    file = tmp_path / "checkpoint/rank0.safetensors"
    save_file(load_file(file), file)
    ended = run_program("build", "--checkpoint_dir", tmp_path / "checkpoint", "--output_dir", tmp_path / "engine")
    assert ended.returncode == 1
    assert "rank0.safetensors: its weights were rounded by another converter" in ended.stderr


def test_convert_checkpoint_rounds_to_int8_unless_told_otherwise(run_program, tiny_model, tmp_path):
    flags = ("--model_dir", tiny_model, "--output_dir", tmp_path, "--use_weight_only")
    assert run_program("convert", *flags).returncode == 0
    assert Checkpoint(tmp_path).config.quantization.quant_algo == "W8A16"


def test_int8_wo_runs_the_rows_rounded_by_a_128th_of_their_maximum_which_itself_is_clipped(checkpoints, gate_proj):
    checkpoint = Checkpoint(checkpoints["int8_wo"])
    assert checkpoint.config.quantization.quant_algo == "W8A16"
    assert np.array_equal(checkpoint.read(f"{FC}.weight"), gate_proj.astype(np.float16))
    scales = np.abs(gate_proj).max(axis=1, keepdims=True) / np.float32(128)
    values = np.clip(np.rint(gate_proj / scales), -128, 127)
    assert np.array_equal(checkpoint.linear(0, "mlp.fc").rows, values.astype(np.int8) * scales)
    assert values.min() == -128
    assert values.max() == 127


def test_fp8_stores_e4m3_rows_with_their_maximum_over_448_and_calibrated_activation_scales(checkpoints, gate_proj):
    checkpoint = Checkpoint(checkpoints["fp8"])
    scale = checkpoint.read(f"{FC}.weights_scaling_factor")
    assert scale == np.abs(gate_proj).max() / np.float32(448)
    stored = checkpoint.read(f"{FC}.weight")
    assert stored.dtype == ml_dtypes.float8_e4m3fn
    assert np.abs(stored.astype(np.float32)).max() == 448
    np.testing.assert_allclose(stored.astype(np.float32) * scale, gate_proj, rtol=0.07, atol=scale.item() * 0.002)
    inputs = {
        name: checkpoint.read(f"transformer.layers.0.mlp.{name}.activation_scaling_factor") for name in ("fc", "gate")
    }
    assert inputs["fc"] == inputs["gate"] > 0


def test_int8_sq_gives_every_channel_the_same_range_and_the_weights_the_rest(checkpoints, gate_proj):
    checkpoint = Checkpoint(checkpoints["int8_sq"])
    factor = checkpoint.read(f"{FC}.prequant_scaling_factor").astype(np.float32)
    scales, values = checkpoint.read(f"{FC}.weights_scaling_factor"), checkpoint.read(f"{FC}.weight")
    smoothed = gate_proj / factor
    np.testing.assert_allclose(scales, np.abs(smoothed).max(axis=1) / 127, rtol=1e-6)
    assert np.array_equal(values, np.rint(smoothed / scales[:, None]))
    assert np.array_equal(factor, checkpoint.read("transformer.layers.0.mlp.gate.prequant_scaling_factor"))
    # Each channel was divided by its maximum: 1, but for the rounding of float16, is the maximum of all.
    assert checkpoint.read(f"{FC}.activation_scaling_factor") == pytest.approx(1 / 127, rel=1e-3)


def test_smoothing_leaves_a_channel_alone_that_calibration_found_silent():
    activations = np.array([[4, 0, 0.5], [-2, 0, 0.25]], np.float32)
    magnitudes = np.abs(activations)
    calibration = Calibration(magnitudes.max(0), magnitudes.mean(0), activations)
    rows = np.ones((2, 3), np.float32)
    stored = INT8_SMOOTHQUANT.quantize({"x": rows}, calibration, QuantizeOptions("float16", 0))
    assert stored["x.prequant_scaling_factor"].tolist() == [0.25, 1, 2]
    assert stored["x.activation_scaling_factor"].tolist() == [np.float32(1) / np.float32(127)]
    assert stored["x.weight"][0].tolist() == [127, 32, 16]


def test_int4_rows_survive_packing_two_a_byte_with_the_even_row_in_the_low_nibble():
    values = np.random.default_rng(3).integers(-8, 8, (6, 5)).astype(np.int8)
    packed = pack_output_rows(values)
    assert packed.shape == (3, 5)
    assert packed.dtype == np.int8
    assert np.array_equal(packed.view(np.uint8) & 0x0F, values[0::2].view(np.uint8) & 0x0F)
    assert np.array_equal(unpack_output_rows(packed), values)


def test_awq_weights_times_their_factor_are_near_the_original_rows(checkpoints, gate_proj):
    weights = Checkpoint(checkpoints["int4_awq"]).linear(0, "mlp.fc")
    blocks = weights.values.reshape(*weights.scales.shape, -1) * weights.scales[:, :, None]
    restored = blocks.reshape(gate_proj.shape) * weights.input_factor
    assert np.abs(restored - gate_proj).mean() / np.abs(gate_proj).mean() < 0.15


def test_the_awq_search_beats_plain_rounding_where_a_few_channels_carry_the_activations():
    random = np.random.default_rng(5)
    rows = random.normal(size=(32, 64)).astype(np.float32)
    activations = random.normal(size=(200, 64)).astype(np.float32)
    activations[:, :4] *= 50
    calibration = Calibration(
        largest_magnitude=np.abs(activations).max(0), mean_magnitude=np.abs(activations).mean(0), rows=activations
    )
    options = QuantizeOptions(dtype="float16", awq_block_size=64)
    stored = INT4_AWQ.quantize({"x": rows}, calibration, options)
    factor = stored["x.prequant_scaling_factor"].astype(np.float32)
    searched = unpack_output_rows(stored["x.weight"]) * stored["x.weights_scaling_factor"] * factor
    values, scales = round_blocks(rows, 64, 7, INT4)

    def loss(candidate: np.ndarray) -> float:
        return float(np.square(activations @ (candidate - rows).T).mean())

    assert loss(searched) < 0.3 * loss(values * scales)


SMALL_MODEL = LlamaShape(
    vocab_size=49152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    head_size=64,
    max_position_embeddings=8192,
    norm_epsilon=1e-5,
    rotary_base=10000.0,
)


# 29568 is 231 blocks of 128, an odd number.
QWEN2_72B = replace(SMALL_MODEL, hidden_size=8192, intermediate_size=29568, num_attention_heads=64, head_size=128)


@pytest.mark.parametrize(
    ("shape", "tp_size", "legal"),
    [
        (SMALL_MODEL, 1, (16, 32, 64)),
        (SMALL_MODEL, 3, (16, 32, 64)),
        (QWEN2_72B, 1, (16, 32, 64, 128)),
        (QWEN2_72B, 2, (16, 32, 64)),
        (QWEN2_72B, 8, (16,)),
    ],
)
def test_awq_blocks_must_fill_what_a_rank_has_of_each_linears_inputs(shape, tp_size, legal):
    for size in (8, 16, 32, 48, 64, 128, 256):
        if size in legal:
            check_block_size(shape, size, tp_size)
            options = QuantizeOptions("float16", size, tp_size)
            assert INT4_AWQ.quantization(shape, options).group_size == size
        else:
            with pytest.raises(ToolchainError, match=f"legal sizes: {', '.join(map(str, legal))}$"):
                check_block_size(shape, size, tp_size)


def test_awq_blocks_name_the_ranks_that_they_do_not_fit():
    with pytest.raises(ToolchainError, match=r"128 .*\[192, 512, 576\] .* each of 3 tensor parallel ranks"):
        check_block_size(SMALL_MODEL, 128, 3)
