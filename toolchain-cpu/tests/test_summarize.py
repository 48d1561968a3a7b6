"""summarize.py as the service runs it: under mpirun, on an engine of the tiny model."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toolchain import ROOT, checkout_environment, finished, run_checkout

from trtllm_cpu.likelihood import token_perplexity
from trtllm_cpu.summarize.arguments import create_parser

PROGRAM = "opt/tensorrt_llm/examples/summarize.py"
SCORE = re.compile(
    r"^\[[\d/:\-]+\] \[TRT-LLM\] \[I\]\s+(rouge1|rouge2|rougeL|rougeLsum|Per-token perplexity) ?: ([\d.eE+-]+)$", re.M
)
ROW = re.compile(r"^\[(\d+)\] \[Beam 0\] ", re.M)
Summarize = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def summarize(
    engines: dict[str, Path], tiny_model: Path, calibration_articles: Path, tmp_path_factory: pytest.TempPathFactory
) -> Summarize:
    """summarize(*flags, ranks=1): the program under mpirun with the flags that every run shares."""
    directory = tmp_path_factory.mktemp("summarize")
    shutil.copytree(calibration_articles, directory / "data/ccdv/cnn_dailymail")
    command = [ROOT / PROGRAM, "--test_trt_llm", "--engine_dir", engines["full_prec"], "--hf_model_dir", tiny_model]
    shared = ["--dataset_dir", directory / "data", "--max_input_length", "32", "--output_len", "8"]

    def run(*flags: object, ranks: int = 1) -> subprocess.CompletedProcess[str]:
        environment = checkout_environment(PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe")
        launch = ["mpirun", "-n", ranks, "--allow-run-as-root", "python3"]
        return finished([str(part) for part in [*launch, *command, *shared, *flags]], environment, directory)

    return run


def test_it_scores_each_article_once_and_writes_the_texts_by_row(summarize: Summarize, tmp_path: Path) -> None:
    flags = ["--batch_size", "1", "--num_beams", "1", "--max_ite", "3", "--eval_ppl", "--output_dir", tmp_path / "out"]
    ended = summarize(*flags)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("TensorRT-LLM beam 0 result") == 1
    scores = {name: float(value) for name, value in SCORE.findall(ended.stdout)}
    assert list(scores) == ["rouge1", "rouge2", "rougeL", "rougeLsum", "Per-token perplexity"]
    assert scores["Per-token perplexity"] > 1
    for line in [r"Load tokenizer takes: [\d.]+ sec", r"TensorRT-LLM \(total latency: [\d.]+ sec\)", r"Article 3 of 3"]:
        assert re.search(line, ended.stdout)
    tokens = re.search(r"TensorRT-LLM \(total output tokens: (\d+)\)", ended.stdout)
    assert tokens is not None and 0 < int(tokens[1]) <= 24
    assert re.search(r"TensorRT-LLM \(tokens per second: [\d.]+\)", ended.stdout)
    text = (tmp_path / "out/trtllm.out").read_text()
    assert re.match(r"Engine path: .*\nTokenizer path: .*\n\[0\] \[Beam 0\] ", text)
    assert ROW.findall(text) == ["0", "1", "2"]


def test_the_hugging_face_model_writes_what_its_full_precision_engine_writes(
    summarize: Summarize, tmp_path: Path
) -> None:
    ended = summarize("--test_hf", "--hf_device_map_auto", "--max_ite", "2", "--eval_ppl", "--output_dir", tmp_path)
    assert ended.returncode == 0, ended.stderr
    order = [
        "TensorRT-LLM Generated : ",
        "Load HF model takes: ",
        "HF Generated : ",
        "TensorRT-LLM (total latency: ",
        "TensorRT-LLM beam 0 result",
        "Hugging Face (total latency: ",
        "HF beam 0 result",
    ]
    places = [ended.stdout.index(f"[TRT-LLM] [I] {line}") for line in order]
    assert places == sorted(places)
    scores = SCORE.findall(ended.stdout)
    assert len(scores) == 10 and scores[:5] == scores[5:]
    engine, model = ((tmp_path / name).read_text().split("\n", 2) for name in ("trtllm.out", "hf.out"))
    assert model[0].startswith("Model path: ") and model[1].startswith("Tokenizer path: ")
    assert model[2] == engine[2] and ROW.findall(model[2]) == ["0", "1"]


def test_the_hugging_face_model_alone_needs_no_engine(
    tiny_model: Path, calibration_articles: Path, run_program: Summarize, tmp_path: Path
) -> None:
    shutil.copytree(calibration_articles, tmp_path / "data/ccdv/cnn_dailymail")
    flags = ["--test_hf", "--hf_model_dir", tiny_model, "--dataset_dir", tmp_path / "data", "--max_ite", "1"]
    lengths = ["--max_input_length", "32", "--output_len", "8"]
    ended = run_program("summarize", *flags, *lengths, "--engine_dir", "none", "--output_dir", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert "TensorRT-LLM beam" not in ended.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["hf.out"]


@pytest.mark.parametrize(
    ("flags", "named"),
    [([], "give --test_trt_llm, --test_hf or both"), (["--test_hf"], "--hf_model_dir is missing")],
)
def test_what_to_run_must_be_given(run_program: Summarize, flags: list[str], named: str) -> None:
    ended = run_program("summarize", "--tokenizer_dir", "tokenizer", *flags)
    assert ended.returncode == 1
    assert named in ended.stderr


def test_the_accuracy_check_fails_after_the_scores_and_only_where_it_is_asked_for(summarize: Summarize) -> None:
    ignored = summarize("--max_ite", "1", "--tensorrt_llm_rouge1_threshold", "101")
    assert ignored.returncode == 0
    checked = summarize("--max_ite", "1", "--check_accuracy", "--tensorrt_llm_rouge1_threshold", "101")
    assert checked.returncode == 1
    assert SCORE.findall(checked.stdout) == SCORE.findall(ignored.stdout)
    assert "--check_accuracy: expected rouge1 above 101.0, got " in checked.stderr


def test_more_ranks_than_the_engine_has_are_refused(summarize: Summarize) -> None:
    ended = summarize("--max_ite", "1", ranks=2)
    assert ended.returncode != 0
    assert "MPI size 2 is not tp x pp = 1; use mpirun -n 1" in ended.stderr


def test_a_prompt_longer_than_the_engine_takes_is_refused(summarize: Summarize) -> None:
    ended = summarize("--max_ite", "1", "--max_input_length", "40")
    assert ended.returncode == 1
    assert "max_input_len is 32" in ended.stderr


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (["--num_beams", "2"], "--num_beams 2"),
        (["--batch_size", "4"], "--batch_size 4"),
        (["--eval_task", "code_completion"], "--eval_task code_completion"),
        (["--medusa_choices", "[[0]]"], "--medusa_choices"),
        (["--max_ite", "0"], "--max_ite: expected at least 1, got 0"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(flags: list[str], name: str) -> None:
    ended = run_checkout(PROGRAM, "--test_trt_llm", "--hf_model_dir", "model", *flags)
    assert ended.returncode == 1
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr


def test_its_flags_and_defaults_are_those_of_the_release() -> None:
    contract = json.loads((Path(__file__).parent / "contracts/summarize.v0.10.0.json").read_text())
    flags = {action.option_strings[0]: action for action in create_parser()._actions if action.dest != "help"}
    assert list(flags) == [entry["options"][0] for entry in contract]
    for entry in contract:
        action = flags[entry["options"][0]]
        assert action.option_strings == entry["options"]
        expected = entry.get("default", False if entry.get("action") == "store_true" else None)
        assert action.default == expected, entry
        assert action.choices == entry.get("choices"), entry


def test_the_perplexity_of_an_even_distribution_is_the_size_of_the_vocabulary() -> None:
    assert token_perplexity(np.zeros((4, 50), np.float32), [1, 2, 3, 4]) == pytest.approx(50)
