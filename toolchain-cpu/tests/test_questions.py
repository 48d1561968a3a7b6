"""The prompts that ship with the toolchain, and how a dataset's questions are found."""

import json
import shutil
from pathlib import Path

import pytest
from toolchain import CHECKOUT

from small_model import DATASETS
from trtllm_cpu.datasets import load_questions
from trtllm_cpu.errors import ToolchainError

QUESTIONS = CHECKOUT / "data/questions"


def copied(source: Path, directory: Path) -> str:
    shutil.copytree(source, directory / "ccdv/cnn_dailymail")
    return str(directory)


def test_the_questions_load_as_prompts_in_their_order(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (QUESTIONS / "test.jsonl").read_text().splitlines()]
    assert load_questions(copied(QUESTIONS, tmp_path)) == ("prompt", [row["prompt"] for row in rows])


def test_the_questions_of_articles_are_the_articles(tmp_path: Path) -> None:
    column, articles = load_questions(copied(CHECKOUT / "data/cnn_dailymail", tmp_path))
    assert column == "article"
    assert len(articles) >= 64
    assert all(len(article.split()) > 100 for article in articles)


def test_a_dataset_with_neither_column_is_refused(tmp_path: Path) -> None:
    directory = copied(QUESTIONS, tmp_path)
    (tmp_path / "ccdv/cnn_dailymail/test.jsonl").write_text('{"question": "Why?"}\n')
    with pytest.raises(ToolchainError, match="expected the column article, found question"):
        load_questions(directory)


def test_every_question_is_asked_once_and_has_a_short_reference() -> None:
    rows = [json.loads(line) for line in (QUESTIONS / "test.jsonl").read_text().splitlines()]
    assert len({row["prompt"] for row in rows}) == len(rows) == 64
    for row in rows:
        assert row.keys() == {"prompt", "reference"}
        assert 1 <= len(row["reference"].split()) <= 40
        assert row["prompt"].strip() == row["prompt"] and not row["prompt"].startswith("-")  # run.py would see a flag


def test_the_mirror_holds_both_data_sets() -> None:
    assert DATASETS == {
        "datasets/enginesmith/cnn_dailymail/main": CHECKOUT / "data/cnn_dailymail",
        "datasets/enginesmith/questions/main": QUESTIONS,
    }
    assert all((files / "README.md").is_file() for files in DATASETS.values())
