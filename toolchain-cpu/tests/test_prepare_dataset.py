"""prepare_dataset.py as its users run it, against numbers that v0.10's own formulas gave."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from trtllm_cpu.prepare_dataset.program import cli
from trtllm_cpu.tokenizer import ModelTokenizer

Prepare = Callable[..., subprocess.CompletedProcess[str]]
SHORT = ("--num-requests", "5", "--input-mean", "6", "--input-stdev", "3", "--output-mean", "4", "--output-stdev", "2")
# Seed 420 with numpy's and Python's generators; the end token 99 in the last prompt has become 0.
SHORT_PROMPTS = [
    [3, 86, 46, 34, 51],
    [12],
    [97, 84, 86, 14, 3],
    [66, 41, 62, 83, 2, 97],
    [0, 79, 16, 69, 42, 55, 34],
]
SHORT_OUTPUTS = [4, 1, 3, 4, 5]


@pytest.fixture
def prepare(tiny_model: Path, run_program, tmp_path: Path) -> Prepare:
    """prepare(*arguments): the program with the tiny model's tokenizer, writing to `requests.json`."""
    common = ("--tokenizer", tiny_model, "--output", tmp_path / "requests.json")
    return lambda *arguments: run_program("prepare_dataset", *common, *arguments)


def written(ended: subprocess.CompletedProcess[str], directory: Path) -> dict:
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    return json.loads((directory / "requests.json").read_text())


def test_random_requests_are_those_of_the_release_for_the_default_seed(prepare: Prepare, tmp_path: Path) -> None:
    workload = written(prepare("token-norm-dist", *SHORT), tmp_path)
    metadata = {
        "workload_type": "token-norm-dist",
        "input_mean": 6,
        "input_stdev": 3,
        "output_mean": 4,
        "output_stdev": 2,
        "num_requests": 5,
        "tokenize_vocabsize": 100,
        "max_input_len": 7,
        "max_output_len": 5,
    }
    name = (
        "workload_type:token-norm-dist__input_mean:6__input_stdev:3__output_mean:4__output_stdev:2__num_requests:5__"
        "tokenize_vocabsize:100__max_input_len:7__max_output_len:5"
    )
    samples = [
        {"input_len": len(prompt), "input_ids": prompt, "output_len": output, "task_id": -1}
        for prompt, output in zip(SHORT_PROMPTS, SHORT_OUTPUTS, strict=True)
    ]
    assert workload == {"metadata": metadata | {"workload_name": name}, "samples": samples}
    assert [list(workload), list(workload["samples"][0])] == [["metadata", "samples"], list(samples[0])]


def test_lines_on_stdout_carry_tokens_as_logits_and_nothing_is_written(prepare: Prepare, tmp_path: Path) -> None:
    ended = prepare("--stdout", "token-norm-dist", *SHORT)
    assert ended.returncode == 0
    first = '{"task_id":0,"logits":[3,86,46,34,51],"output_tokens":4}'
    assert ended.stdout.splitlines()[0] == first
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["logits"] for line in lines] == SHORT_PROMPTS
    assert [(line["task_id"], line["output_tokens"]) for line in lines] == list(enumerate(SHORT_OUTPUTS))
    assert not (tmp_path / "requests.json").exists()


def test_a_deviation_of_0_gives_exact_lengths_and_another_seed_other_tokens(prepare: Prepare, tmp_path: Path) -> None:
    lengths = ("--num-requests", "3", "--input-mean", "12", "--input-stdev", "0", "--output-mean", "8")
    samples = written(prepare("--random-seed", "7", "token-norm-dist", *lengths, "--output-stdev", "0"), tmp_path)
    assert [sample["output_len"] for sample in samples["samples"]] == [8, 8, 8]
    assert [sample["input_ids"] for sample in samples["samples"]] == [
        [41, 19, 50, 83, 6, 9, 68, 12, 46, 74, 7, 64],
        [27, 4, 11, 55, 53, 8, 30, 70, 54, 7, 72, 15],
        [28, 80, 74, 7, 73, 50, 6, 5, 71, 17, 37, 53],
    ]


def test_prompts_longer_than_the_vocabulary_repeat_tokens(prepare: Prepare, tmp_path: Path) -> None:
    lengths = ("--num-requests", "1", "--input-mean", "150", "--input-stdev", "0", "--output-mean", "1")
    [sample] = written(prepare("token-norm-dist", *lengths, "--output-stdev", "0"), tmp_path)["samples"]
    assert len(sample["input_ids"]) == 150
    assert 99 not in sample["input_ids"]


@pytest.mark.parametrize(
    ("flags", "tasks"), [(("--task-id", "3"), [3] * 5), (("--rand-task-id", "2", "5"), [2, 4, 4, 3, 2])]
)
def test_lora_tasks_are_one_for_all_or_drawn_after_the_tokens(
    prepare: Prepare, tmp_path: Path, flags: tuple, tasks: list[int]
) -> None:
    samples = written(prepare(*flags, "token-norm-dist", *SHORT), tmp_path)["samples"]
    assert [sample["task_id"] for sample in samples] == tasks
    assert [sample["input_ids"] for sample in samples] == SHORT_PROMPTS


@pytest.fixture
def from_articles(calibration_articles: Path) -> tuple[object, ...]:
    """Arguments for the inputs of a local directory in the layout of cnn_dailymail."""
    where = ("--dataset-name", calibration_articles, "--dataset-config-name", "3.0.0", "--dataset-split", "test")
    return ("dataset", *where, "--dataset-input-key", "article")


def test_the_rows_of_a_local_dataset_become_requests(
    prepare: Prepare, from_articles, calibration_articles: Path, tiny_model: Path, tmp_path: Path
) -> None:
    limits = ("--num-requests", "4", "--dataset-prompt", "word1 word2", "--dataset-output-key", "highlights")
    workload = written(prepare(*from_articles, *limits), tmp_path)
    tokenizer = ModelTokenizer(tiny_model)
    rows = [json.loads(line) for line in (calibration_articles / "test.jsonl").read_text().splitlines()[:4]]
    prompts = [tokenizer.encode(f"word1 word2 {row['article']}") for row in rows]
    outputs = [len(tokenizer.encode(row["highlights"])) for row in rows]
    assert [sample["input_ids"] for sample in workload["samples"]] == prompts
    assert [sample["output_len"] for sample in workload["samples"]] == outputs
    assert workload["metadata"] == {
        "workload_type": "dataset",
        "tokenizer": "PreTrainedTokenizerFast",
        "num_requests": 4,
        "max_input_len": 42,
        "max_output_len": max(outputs),
        "workload_name": f"workload_type:dataset__num_requests:4__max_input_len:42__max_output_len:{max(outputs)}",
    }


def test_output_lengths_may_be_drawn_and_a_prompt_may_be_a_column(
    prepare: Prepare, from_articles, tmp_path: Path
) -> None:
    drawn = ("--num-requests", "99", "--dataset-prompt-key", "highlights", "--output-len-dist", "4,2")
    ended = prepare(*from_articles, *drawn)
    samples = written(ended, tmp_path)["samples"]
    assert len(samples) == 64
    assert [sample["output_len"] for sample in samples[:5]] == SHORT_OUTPUTS
    assert "WARNING:root:Number of requests=64 is smaller than the num-requests user set=99." in ended.stderr
    assert samples[0]["input_len"] > 41
    # v0.10 itself ends with an error here.
    lines = prepare("--stdout", *from_articles, *drawn).stdout.splitlines()
    assert [json.loads(line)["logits"] for line in lines] == [sample["input_ids"] for sample in samples]


def test_long_inputs_are_left_out_and_do_not_count(prepare: Prepare, from_articles, tmp_path: Path) -> None:
    shortest = ("--dataset-prompt-key", "highlights", "--output-len-dist", "4,0", "--num-requests", "2")
    samples = written(prepare(*from_articles, *shortest, "--max-input-len", "43"), tmp_path)["samples"]
    assert [sample["input_len"] <= 43 for sample in samples] == [True, True]
    ended = prepare(*from_articles, *shortest, "--max-input-len", "5")
    assert ended.returncode == 1
    assert "--max-input-len: expected some inputs of at most 5 tokens, found none" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["token-norm-dist", *SHORT, "--random-seed", "1"], "No such option"),
        (["token-norm-dist", *SHORT[:-2]], "Missing option '--output-stdev'"),
        (["--rand-task-id", "1", "token-norm-dist", *SHORT], "No such option '--num-requests'"),
        (["--log-level", "trace", "token-norm-dist", *SHORT], "'trace' is not one of 'info', 'debug'"),
        (["token-unif-dist"], "No such command"),
    ],
)
def test_bad_usage_ends_with_2(prepare: Prepare, arguments: list[str], named: str) -> None:
    ended = prepare(*arguments)
    assert ended.returncode == 2
    assert named in ended.stderr


COLUMN = ("--dataset-input-key", "article")
PROMPT, OUTPUT = ("--dataset-prompt", "word1"), ("--output-len-dist", "4,0")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--tokenizer", "missing", "token-norm-dist", *SHORT], "--tokenizer: expected a Hugging Face model directory"),
        (["--output", "no/such.json", "token-norm-dist", *SHORT], "--output: the directory no does not exist"),
        (["--random-seed", "-1", "token-norm-dist", *SHORT], "--random-seed: expected 0 to 4294967295, got -1"),
        (["--rand-task-id", "5", "2", "token-norm-dist", *SHORT], "--rand-task-id: expected the lower one first"),
        (["token-norm-dist", *SHORT, "--num-requests", "0"], "--num-requests: expected at least 1, got 0"),
        (["token-norm-dist", *SHORT, "--input-stdev", "-1"], "--input-stdev: expected 0 or more, got -1"),
    ],
)
def test_a_value_that_cannot_be_served_is_named(prepare: Prepare, arguments: list[str], named: str) -> None:
    expect_refusal(prepare(*arguments), named)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([*OUTPUT], "--dataset-prompt-key, --dataset-prompt: expected exactly one of the two"),
        ([*PROMPT, *OUTPUT, "--dataset-prompt-key", "id"], "--dataset-prompt-key, --dataset-prompt: expected exactly"),
        ([*PROMPT], "--output-len-dist, --dataset-output-key: expected one of the two"),
        ([*PROMPT, "--output-len-dist", "4"], "--output-len-dist: expected MEAN,STDEV, got 4"),
        (
            [*PROMPT, "--dataset-output-key", "text"],
            "--dataset-output-key: expected a column of texts, text is none of",
        ),
        ([*PROMPT, *OUTPUT, "--dataset-split", "validation"], "split validation cannot be loaded"),
        ([*PROMPT, *OUTPUT, "--dataset-name", "/missing"], "dataset /missing, configuration 3.0.0"),
    ],
)
def test_a_dataset_that_makes_no_requests_is_named(
    prepare: Prepare, from_articles, arguments: list[str], named: str
) -> None:
    expect_refusal(prepare(*from_articles, *arguments), named)


def expect_refusal(ended: subprocess.CompletedProcess[str], named: str) -> None:
    assert ended.returncode == 1
    *_, last = ended.stderr.splitlines()
    assert last.startswith("prepare_dataset.py: error: ") and named in last
    assert "Traceback" not in ended.stderr


def test_its_options_are_those_of_the_release() -> None:
    contract = json.loads((Path(__file__).parent / "contracts/prepare_dataset.json").read_text())
    commands = contract["versions"]["v0.10.0"]["commands"]
    found = {"cli": cli, **{name.replace("-", "_"): command for name, command in cli.commands.items()}}
    assert found.keys() == commands.keys()
    for name, command in found.items():
        options = [
            (option.opts, option.required, option.is_flag, option.nargs, option.to_info_dict()["default"])
            for option in command.params
        ]
        assert options == [
            (
                entry["options"],
                entry.get("required", False),
                entry.get("is_flag", False),
                entry.get("nargs", 1),
                entry.get("default"),
            )
            for entry in commands[name]["options"]
        ]
