"""compare_engines.py: what it writes about engines that are equal, close, and ruined."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import FORMAT_FLAGS
from generated import generated
from numpy_llama import numpy_logits
from safetensors.numpy import load_file, save_file

import small_model
from gguf_model import read_llama
from trtllm_cpu.compare.agreement import agreement
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.tokenizer import ModelTokenizer

TEXTS = {8: "word4 word5 word6 word1 word80", 9: "  ", 10: "word9 word2"}


def write_evaluation(path: Path, written: dict[int, str], **others: object) -> Path:
    entries = [{"row": row, "text": text} for row, text in written.items()]
    rows = {"shard": {"from": 8, "count": 3}, "printedScores": None, "perplexity": None, "texts": entries}
    path.write_text(json.dumps({"schema": "enginesmith/evaluation/v2", **rows, **others}))
    return path


@pytest.fixture
def shard(tmp_path, calibration_articles) -> Path:
    return Path(shutil.copytree(calibration_articles, tmp_path / "shard/ccdv/cnn_dailymail")).parents[1]


@pytest.fixture
def compare(run_program, tiny_model, shard, tmp_path):
    """compare(candidate, *flags): the program on TEXTS; returns the ended process."""
    write_evaluation(tmp_path / "evaluation.json", TEXTS)
    shared = ["--tokenizer_dir", tiny_model, "--dataset_dir", shard, "--max_input_length", "30"]
    written = ["--texts", tmp_path / "evaluation.json", "--output_dir", tmp_path / "out"]
    return lambda candidate, *flags: run_program("compare", "--engine_dir", candidate, *shared, *written, *flags)


def articles(ended, tmp_path: Path) -> list[dict]:
    assert ended.returncode == 0, ended.stderr
    values = json.loads((tmp_path / "out/agreement.json").read_text())
    assert (values["schema"], values["shard"]) == ("enginesmith/agreement/v1", {"from": 8, "count": 3})
    return values["articles"]


def test_an_engine_agrees_with_itself_wholly_and_empty_texts_are_left_out(compare, engines, tmp_path) -> None:
    ended = compare(engines["int4_awq"], "--baseline_engine_dir", engines["int4_awq"])
    found = articles(ended, tmp_path)
    assert [(entry["row"], entry["tokens"]) for entry in found] == [(8, 5), (10, 2)]
    assert "[TRT-LLM] [I] Article 3 of 3: 2 tokens in " in ended.stdout
    for entry in found:
        assert (entry["klDivergence"], entry["top1Agreement"]) == (0, 1)
        likelihood = entry["negativeLogLikelihood"]
        assert likelihood["baseline"] == likelihood["candidate"] > 0


def test_the_numbers_are_those_of_an_independent_model(compare, engines, tiny_model, calibration_articles, tmp_path):
    changed = {"model.layers.1.mlp.down_proj.weight": np.zeros((192, 256), np.float16)}
    candidate = Path(shutil.copytree(tiny_model, tmp_path / "candidate"))
    tensors = load_file(candidate / "model.safetensors")
    save_file(tensors | changed, candidate / "model.safetensors")
    tokenizer = ModelTokenizer(tiny_model)
    article = json.loads((calibration_articles / "test.jsonl").read_text().splitlines()[0])["article"]
    prompt = tokenizer.encode(f"{article} TL;DR:")[:30]
    text = tokenizer.encode(TEXTS[8])

    def distributions(**weights) -> np.ndarray:
        logits = numpy_logits(tiny_model, prompt + text, **weights)[len(prompt) - 1 : -1]
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    baseline, other = distributions(), distributions(changed=changed)
    model = Engine.of_model(HubModel(candidate), 32, 16, "float16")
    found = agreement(Engine.load(engines["full_prec"]), model, prompt, text).to_json(8)
    divergence = (np.exp(baseline) * (baseline - other)).sum(axis=1).mean()
    assert found["klDivergence"] == pytest.approx(divergence, rel=0.01) and divergence > 0.01
    assert found["top1Agreement"] == (baseline.argmax(axis=1) == other.argmax(axis=1)).mean()
    likelihood = {
        side: pytest.approx(-values[np.arange(5), text].mean(), rel=0.01)
        for side, values in (("baseline", baseline), ("candidate", other))
    }
    assert found["negativeLogLikelihood"] == likelihood
    # The program teacher-forces the same tokens after the same prompt.
    self_compared = articles(compare(engines["full_prec"], "--baseline_hf_model_dir", tiny_model), tmp_path)[0]
    assert self_compared["negativeLogLikelihood"]["baseline"] == likelihood["baseline"]
    assert self_compared["klDivergence"] == 0


@pytest.mark.parametrize("qformat", FORMAT_FLAGS)
def test_a_random_model_goes_through_every_format_and_every_program(
    compare, run_program, engines, tiny_model, shard, tmp_path, qformat
) -> None:
    common = ("--engine_dir", engines[qformat], "--tokenizer_dir", tiny_model)
    lengths = ("--max_input_length", "30", "--output_len", "8", "--max_ite", "2", "--eval_ppl")
    summarized = run_program("summarize", "--test_trt_llm", *common, "--dataset_dir", shard, *lengths)
    assert summarized.returncode == 0, summarized.stderr
    assert "Per-token perplexity: " in summarized.stdout
    asked = run_program("run", *common, "--max_output_len", "4", "--input_text", "word1 word2")
    assert asked.returncode == 0, asked.stderr
    assert 'Output [Text 0 Beam 0]: "' in asked.stdout
    first = articles(compare(engines[qformat], "--baseline_engine_dir", engines["full_prec"]), tmp_path)
    assert all(entry["klDivergence"] > 0 for entry in first) == (qformat != "full_prec")
    again = articles(compare(engines[qformat], "--baseline_hf_model_dir", tiny_model), tmp_path)
    assert again == first


def test_a_dataset_of_prompts_is_asked_as_it_is(compare, engines, shard, tmp_path) -> None:
    (shard / "ccdv/cnn_dailymail/train.jsonl").unlink()
    prompts = [{"prompt": f"word{row} word1 word2", "reference": "word1"} for row in range(3)]
    (shard / "ccdv/cnn_dailymail/test.jsonl").write_text("\n".join(map(json.dumps, prompts)))
    front_matter = "configs:\n- config_name: 3.0.0\n  data_files:\n  - split: test\n    path: test.jsonl\n"
    (shard / "ccdv/cnn_dailymail/README.md").write_text(f"---\n{front_matter}---\n")
    found = articles(compare(engines["fp8"], "--baseline_engine_dir", engines["full_prec"]), tmp_path)
    text = [9, 2]
    expected = agreement(Engine.load(engines["full_prec"]), Engine.load(engines["fp8"]), [2, 1, 2], text)
    assert found[1] == expected.to_json(10)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"schema": "enginesmith/evaluation/v1"}, "expected 'enginesmith/evaluation/v2'"),
        ({"shard": {"from": 9, "count": 2}}, "row 8 is not in its shard of 2 rows from 9"),
        ({"shard": {"from": 8, "count": 99}}, "expected the 99 rows of the shard in --texts, found 64"),
        ({"texts": [{"row": 8}]}, "incomplete"),
    ],
)
def test_texts_that_do_not_fit_are_refused(compare, engines, tmp_path, changes, named) -> None:
    write_evaluation(tmp_path / "evaluation.json", TEXTS, **changes)
    ended = compare(engines["fp8"], "--baseline_engine_dir", engines["full_prec"])
    assert ended.returncode == 1
    assert named in ended.stderr and ended.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_exactly_one_baseline_must_be_given(compare, engines) -> None:
    both = ("--baseline_engine_dir", engines["fp8"], "--baseline_hf_model_dir", "model")
    for flags in ((), both):
        assert compare(engines["fp8"], *flags).returncode == 2


def test_the_small_model_without_its_first_layer_is_another_model(tmp_path) -> None:
    """The real weights: about ten seconds."""
    model = read_llama(small_model.shipped_gguf())
    small_model.write_model(model, tmp_path, "")
    whole = Engine.of_model(HubModel(tmp_path), 64, 32, "float16")
    zeroed = {name: np.zeros_like(value) for name, value in model.tensors.items() if ".layers.0." in name}
    save_file(model.tensors | zeroed, tmp_path / "model.safetensors")
    ruined = Engine.of_model(HubModel(tmp_path), 64, 32, "float16")
    tokenizer = ModelTokenizer(tmp_path)
    prompt = tokenizer.encode("The library in our town opens at nine. On Mondays it")
    text = generated(whole, prompt, 24, tokenizer.end_id)
    assert agreement(whole, whole, prompt, text).divergence == 0
    found = agreement(whole, ruined, prompt, text)
    assert found.divergence > 1
    assert found.top1 < 0.5
