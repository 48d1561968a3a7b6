"""The programs as processes: exit codes, lines on stdout, refused values, equal bytes for equal inputs."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import FORMAT_FLAGS, PROGRAMS
from tiny_llama import write_llama

from trtllm_cpu.checkpoint.reader import Checkpoint


def digests(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}


# gptManagerBenchmark is a C++ program, which aborts: test_gpt_manager_benchmark.py.
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "benchmark"])
def test_an_unknown_flag_exits_2_with_the_usage(run_program, name):
    ended = run_program(name, "--max_seq_len_of_tomorrow", "1")
    assert ended.returncode == 2
    assert "usage:" in ended.stderr.lower()


@pytest.mark.parametrize(
    ("name", "flags", "named"),
    [
        ("quantize", ["--tp_size", "4"], "tp_size 4 does not split 6 heads, 2 KV heads"),
        ("quantize", ["--pp_size", "3"], "pp_size 3 does not split 2 layers evenly; legal: 1, 2"),
        ("quantize", ["--qformat", "w4a8_awq"], "nearest is int4_awq"),
        ("quantize", ["--dtype", "float64"], "--dtype float64"),
        ("quantize", ["--qformat", "int4_awq", "--awq_block_size", "128"], "legal sizes: 16, 32, 64"),
        (
            "quantize",
            ["--qformat", "int4_awq", "--awq_block_size", "64", "--tp_size", "2"],
            "on each of 2 tensor parallel ranks; legal sizes: 16, 32",
        ),
        ("quantize", ["--qformat", "fp8", "--calib_dataset", "pileval"], "cnn_dailymail"),
        ("convert", ["--tp_size", "3"], "legal: 1, 2"),
        ("convert", ["--use_weight_only", "--weight_only_precision", "int4_gptq"], "supported: int8, int4"),
        ("convert", ["--smoothquant", "0.5"], "--smoothquant 0.5"),
    ],
)
def test_a_value_that_is_not_supported_exits_1_with_one_line_that_names_it(run_program, tiny_model, name, flags, named):
    ended = run_program(name, "--model_dir", tiny_model, *flags, "--output_dir", "refused")
    assert ended.returncode == 1
    assert named in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "flags", [["--max_beam_width", "2"], ["--dry_run"], ["--max_batch_size", "0"], ["--strip_plan"]]
)
def test_trtllm_build_refuses_by_name(run_program, checkpoints, flags):
    ended = run_program("build", "--checkpoint_dir", checkpoints["full_prec"], *flags)
    assert ended.returncode == 1
    assert " ".join(flags) in ended.stderr


@pytest.mark.parametrize("name", ["quantize", "convert", "build"])
def test_an_input_directory_is_required(run_program, name):
    ended = run_program(name)
    assert ended.returncode == 1
    assert "_dir is missing" in ended.stderr


def test_quantize_prints_the_lines_that_people_parse(run_program, tiny_model, calibration_articles, tmp_path):
    flags = ("--qformat", "int4_awq", "--awq_block_size", "64", "--calib_size", "40", "--batch_size", "16")
    common = ("--model_dir", tiny_model, "--output_dir", tmp_path, "--calib_dataset", calibration_articles)
    ended = run_program("quantize", *common, *flags)
    assert ended.returncode == 0, ended.stderr
    expected = [
        r"\[TensorRT-LLM\] TensorRT-LLM version: 0\.10\.0",
        r"Quantizer: trtllm_cpu 0\.10\.0",
        f"Initializing tokenizer from {tiny_model}",
        f"Initializing model from {tiny_model}",
        "AWQ calibration could take longer with calib_size = 40, Using calib_size=32 instead",
        "Loading calibration dataset",
        r"Starting quantization\.\.\.",
        "Calibrating batch 0",
        "Calibrating batch 1",
        r"Quantization done\. Total time used: \d+\.\d\d s\.",
        f"Quantized model exported to {tmp_path} ",
        r"Total time used \d+\.\d\d s\.",
    ]
    lines = [line for line in ended.stdout.splitlines() if not line.startswith("Layer ")]
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line)


def test_convert_checkpoint_makes_the_weights_that_quantize_makes_without_quantization(
    run_program, tiny_model, checkpoints, tmp_path
):
    ended = run_program("convert", "--model_dir", tiny_model, "--output_dir", tmp_path / "a", "--workers", "2")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[1] == "0.10.0"
    assert re.fullmatch(r"Total time of converting checkpoints: \d\d:\d\d:\d\d", lines[-1])
    assert digests(tmp_path / "a")["rank0.safetensors"] == digests(checkpoints["full_prec"])["rank0.safetensors"]


def test_an_embedding_that_is_shared_is_stored_once(run_program, tiny_model, tmp_path):
    flags = ("--model_dir", tiny_model, "--output_dir", tmp_path / "checkpoint", "--use_embedding_sharing")
    assert run_program("convert", *flags).returncode == 0
    assert Checkpoint(tmp_path / "checkpoint").config.share_embedding_table
    built = run_program("build", "--checkpoint_dir", tmp_path / "checkpoint", "--output_dir", tmp_path / "engine")
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize("qformat", FORMAT_FLAGS)
def test_equal_inputs_give_equal_bytes_whatever_the_workers_and_devices(
    run_program, tiny_model, calibration_articles, checkpoints, engines, tmp_path, qformat
):
    flags = (
        "--calib_size",
        "6",
        "--awq_block_size",
        "64",
        "--batch_size",
        "4",
        "--calib_dataset",
        calibration_articles,
    )
    common = ("--model_dir", tiny_model, "--qformat", qformat, "--output_dir", tmp_path / "checkpoint")
    one_device = {"CUDA_VISIBLE_DEVICES": "0"}
    assert run_program("quantize", *common, *flags, **one_device).returncode == 0
    assert digests(tmp_path / "checkpoint") == digests(checkpoints[qformat])
    lengths = ("--max_input_len", "32", "--max_output_len", "16", "--workers", "2")
    built = ("--checkpoint_dir", tmp_path / "checkpoint", "--output_dir", tmp_path / "engine", *lengths)
    assert run_program("build", *built, **one_device).returncode == 0
    assert digests(tmp_path / "engine") == digests(engines[qformat])


def test_trtllm_build_records_its_flags_and_how_the_engine_runs(engines):
    config = json.loads((engines["fp8"] / "config.json").read_text())
    assert config["version"] == "0.10.0"
    assert config["pretrained_config"]["quantization"]["quant_algo"] == "FP8"
    build = config["build_config"]
    assert (build["max_batch_size"], build["max_input_len"], build["max_output_len"]) == (1, 32, 16)
    assert build["strongly_typed"] is True
    assert build["plugin_config"]["paged_kv_cache"] is True
    assert "dequantized" in config["reference_runtime"]["fp8"]


def test_trtllm_build_logs_in_the_real_tools_shape(run_program, checkpoints, tmp_path):
    ended = run_program("build", "--checkpoint_dir", checkpoints["fp8"], "--output_dir", tmp_path)
    last = ended.stdout.splitlines()[-1]
    stamp = r"\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] \[TRT-LLM\] \[I\] "
    assert re.fullmatch(stamp + r"Total time of building all engines: \d\d:\d\d:\d\d", last)
    assert re.search(stamp + r"Total time of building Unnamed Network 0: \d\d:\d\d:\d\d", ended.stdout)


def break_missing(directory: Path) -> None:
    (directory / "rank0.safetensors").unlink()


def break_truncated(directory: Path) -> None:
    path = directory / "rank0.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def change_config(**values: object):
    def change(directory: Path) -> None:
        path = directory / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


@pytest.mark.parametrize(
    ("break_checkpoint", "named"),
    [
        (break_missing, "rank0.safetensors is missing"),
        (break_truncated, "rank0.safetensors is truncated"),
        (change_config(mapping={"world_size": 2, "tp_size": 1, "pp_size": 1}), "world_size is 2"),
        (change_config(mapping={"world_size": 2, "tp_size": 2, "pp_size": 1}), "rank1.safetensors is missing"),
        (change_config(mapping={"tp_size": 2}), "rank1.safetensors is missing"),
        (change_config(architecture="GPTForCausalLM"), "GPTForCausalLM"),
        (change_config(intermediate_size=512), "mlp.fc.weight has shape [256, 192]"),
        (change_config(dtype="float32"), "is float16, expected float32"),
        (change_config(num_hidden_layers=3), "transformer.layers.2"),
        (change_config(quantization={"quant_algo": "W4A8_AWQ"}), "quant_algo is W4A8_AWQ"),
    ],
)
def test_a_broken_checkpoint_is_refused_before_anything_is_built(
    run_program, checkpoints, tmp_path, break_checkpoint, named
):
    checkpoint = Path(shutil.copytree(checkpoints["full_prec"], tmp_path / "checkpoint"))
    break_checkpoint(checkpoint)
    ended = run_program("build", "--checkpoint_dir", checkpoint, "--output_dir", tmp_path / "engine")
    assert ended.returncode == 1
    assert named in ended.stderr
    assert not (tmp_path / "engine").exists()


def test_heads_that_attention_cannot_run_are_refused_by_name(run_program, tiny_model, calibration_articles, tmp_path):
    model, output = tmp_path / "model", tmp_path / "output"
    shutil.copytree(tiny_model, model)
    shape = json.loads((tiny_model / "config.json").read_text())
    write_llama(model, **{**shape, "hidden_size": 96, "num_attention_heads": 4})
    calibration = ("--qformat", "fp8", "--calib_dataset", calibration_articles)
    for name, *flags in (("convert",), ("quantize", *calibration)):
        ended = run_program(name, "--model_dir", model, *flags, "--output_dir", output)
        assert ended.returncode == 1
        assert "the model's head_size is 24; supported: multiples of 16" in ended.stderr
        assert not output.exists()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"architectures": ["Qwen2ForCausalLM"]}, "Qwen2ForCausalLM"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8}}, "rope_scaling"),
        ({"attention_bias": True}, "attention_bias"),
    ],
)
def test_a_model_that_is_no_plain_llama_is_refused_by_the_field(run_program, tiny_model, tmp_path, values, named):
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    change_config(**values)(model)
    ended = run_program("convert", "--model_dir", model, "--output_dir", tmp_path / "checkpoint")
    assert ended.returncode == 1
    assert named in ended.stderr
