"""What each format stores and runs, value by value."""

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

from trtllm_cpu.checkpoint.reader import Checkpoint
from trtllm_cpu.quantization.format import Calibration, QuantizeOptions
from trtllm_cpu.quantization.int4_awq import INT4_AWQ
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
        absolute_maximum=float(np.abs(activations).max()), mean_magnitude=np.abs(activations).mean(0), rows=activations
    )
    options = QuantizeOptions(dtype="float16", awq_block_size=64)
    stored = INT4_AWQ.quantize({"x": rows}, calibration, options)
    factor = stored["x.prequant_scaling_factor"].astype(np.float32)
    searched = unpack_output_rows(stored["x.weight"]) * stored["x.weights_scaling_factor"] * factor
    values, scales = round_blocks(rows, 64, 7, INT4)

    def loss(candidate: np.ndarray) -> float:
        return float(np.square(activations @ (candidate - rows).T).mean())

    assert loss(searched) < 0.3 * loss(values * scales)
