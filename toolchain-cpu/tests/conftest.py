"""A tiny random Llama on disk, and the programs run as their users run them: as processes, from the root's files."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_llama import write_llama
from tokenizers import Tokenizer, models, pre_tokenizers
from toolchain import AssembledRoot, run_checkout
from triton_server import build_engine, write_byte_model

import install

PROGRAMS = {
    "quantize": "opt/tensorrt_llm/examples/quantization/quantize.py",
    "convert": "opt/tensorrt_llm/examples/llama/convert_checkpoint.py",
    "build": "usr/local/bin/trtllm-build",
    "summarize": "opt/tensorrt_llm/examples/summarize.py",
    "run": "opt/tensorrt_llm/examples/run.py",
    "prepare_dataset": "opt/tensorrt_llm/benchmarks/cpp/prepare_dataset.py",
    "benchmark": "opt/tensorrt_llm/cpp/build/benchmarks/gptManagerBenchmark",
    "compare": "opt/scripts/compare_engines.py",
}


@pytest.fixture(scope="module", autouse=True)
def open_mpi_sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The module's mpiruns keep their sessions apart: tests kill some, and the next one with such a pid would fail."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRTE_MCA_prte_tmpdir_base", str(tmp_path_factory.mktemp("open-mpi")))
        yield


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face directory of a random Llama: 6 heads, 2 KV heads, 2 layers, hidden 192, vocabulary 100, tied."""
    directory = tmp_path_factory.mktemp("tiny")
    write_llama(
        directory,
        vocab_size=100,
        hidden_size=192,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=256,
    )
    _write_tokenizer(directory)
    return directory


def _write_tokenizer(directory: Path) -> None:
    vocabulary = {f"word{index}": index for index in range(98)} | {"<unknown>": 98, "<end>": 99}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))


@pytest.fixture(scope="session")
def calibration_articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local cnn_dailymail directory in the words of the tiny model's tokenizer."""
    directory = tmp_path_factory.mktemp("data") / "cnn_dailymail"
    directory.mkdir()
    random = np.random.default_rng(11)
    rows = [" ".join(f"word{index}" for index in random.integers(0, 98, 40)) for _ in range(64)]
    lines = [json.dumps({"article": row, "highlights": row[:20], "id": str(i)}) for i, row in enumerate(rows)]
    for split in ("train", "test"):
        (directory / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    front_matter = "configs:\n- config_name: 3.0.0\n  data_files:\n" + "".join(
        f"  - split: {split}\n    path: {split}.jsonl\n" for split in ("train", "test")
    )
    (directory / "README.md").write_text(f"---\n{front_matter}---\n")
    return directory


@pytest.fixture(scope="session")
def run_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess]:
    """run_program(name, *arguments, **environment): one of PROGRAMS as a process; returns when it ended."""
    directory = tmp_path_factory.mktemp("working-directory")

    def run(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        cache = {"HF_HOME": str(directory / "huggingface"), "HF_HUB_OFFLINE": "1"}
        return run_checkout(PROGRAMS[name], *arguments, cwd=directory, **cache, **environment)

    return run


FORMAT_FLAGS = {
    "full_prec": (),
    "fp8": ("--calib_size", "6"),
    "int8_sq": ("--calib_size", "6"),
    "int8_wo": (),
    "int4_wo": (),
    "int4_awq": ("--calib_size", "6", "--awq_block_size", "64"),
}


@pytest.fixture(scope="session")
def checkpoints(
    tiny_model: Path,
    calibration_articles: Path,
    run_program: Callable[..., subprocess.CompletedProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """The tiny model's checkpoints by qformat."""
    base = tmp_path_factory.mktemp("checkpoints")
    for qformat, flags in FORMAT_FLAGS.items():
        common = ("--model_dir", tiny_model, "--calib_dataset", calibration_articles, "--output_dir", base / qformat)
        ended = run_program("quantize", "--qformat", qformat, *common, *flags)
        assert ended.returncode == 0, ended.stderr
    return {qformat: base / qformat for qformat in FORMAT_FLAGS}


@pytest.fixture(scope="session")
def engines(
    checkpoints: dict[str, Path],
    run_program: Callable[..., subprocess.CompletedProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """The tiny model's engines by qformat, for 32 + 16 tokens."""
    base = tmp_path_factory.mktemp("engines")
    for qformat, checkpoint in checkpoints.items():
        flags = ("--checkpoint_dir", checkpoint, "--output_dir", base / qformat)
        ended = run_program("build", *flags, "--max_input_len", "32", "--max_output_len", "16")
        assert ended.returncode == 0, ended.stderr
    return {qformat: base / qformat for qformat in checkpoints}


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[AssembledRoot, Path, Path]:
    """(assembled root, model directory, engine directory) of the byte model that the tests of Triton serve."""
    work = tmp_path_factory.mktemp("triton")
    root = AssembledRoot(install.assemble_root(work / "toolchain", Path(sys.prefix)))
    write_byte_model(work / "model")
    return root, work / "model", build_engine(root, work / "model", work)
