"""Loading cnn_dailymail from directories in its layout."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from toolchain import CHECKOUT

from trtllm_cpu.datasets import load_calibration, load_evaluation
from trtllm_cpu.errors import ToolchainError

ARTICLES = CHECKOUT / "data/cnn_dailymail"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A copy of the shipped articles with three rows a split, where --dataset_dir expects it."""
    directory = tmp_path / "data" / "ccdv" / "cnn_dailymail"
    directory.mkdir(parents=True)
    shutil.copy(ARTICLES / "README.md", directory)
    for split in ("train", "test"):
        rows = (ARTICLES / f"{split}.jsonl").read_text().splitlines()[:3]
        write_rows(directory / f"{split}.jsonl", [json.loads(row) for row in rows])
    return directory


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def shipped(split: str) -> list[dict[str, str]]:
    # not splitlines: it also breaks at separators that JSON may hold as they are
    return [json.loads(line) for line in (ARTICLES / f"{split}.jsonl").read_text("utf-8").rstrip("\n").split("\n")]


@pytest.mark.parametrize(("split", "at_least"), [("train", 64), ("test", 128)])
def test_the_shipped_articles_are_enough_and_described_by_their_readme(split: str, at_least: int) -> None:
    rows = shipped(split)
    assert len(rows) >= at_least
    cells = [f"`{split}`", str(len(rows))]
    for column in ("article", "highlights"):
        words = [len(row[column].split()) for row in rows]
        cells.append(f"{min(words)}\N{EN DASH}{max(words)} ({sum(words) / len(words):.0f})")
    pattern = r"\|\s*" + r"\s*\|\s*".join(map(re.escape, cells)) + r"\s*\|"
    assert re.search(pattern, (ARTICLES / "README.md").read_text("utf-8"))


def test_every_shipped_article_is_one_of_a_kind_with_its_digest_and_three_highlights() -> None:
    rows = shipped("train") + shipped("test")
    for column in ("article", "highlights", "id"):
        assert len({row[column] for row in rows}) == len(rows)
    for row in rows:
        assert row["id"] == hashlib.sha1(row["article"].encode()).hexdigest()
        assert re.fullmatch(r"(\S[^\n]*\.\n){2}\S[^\n]*\.", row["highlights"])
        assert "\n" not in row["article"]


def test_calibration_takes_the_first_train_articles_in_order(dataset: Path) -> None:
    expected = [json.loads(row)["article"] for row in (ARTICLES / "train.jsonl").read_text().splitlines()[:2]]
    assert load_calibration(str(dataset), 2) == expected


def test_calibration_takes_all_articles_where_there_are_fewer_than_asked(dataset: Path) -> None:
    assert len(load_calibration(str(dataset), 512)) == 3


@pytest.mark.parametrize("directory", ["data", "data/", "data/ccdv/cnn_dailymail", "data/ccdv/cnn_dailymail/"])
def test_evaluation_finds_the_test_split_from_either_directory(dataset: Path, tmp_path: Path, directory: str) -> None:
    articles = load_evaluation(f"{tmp_path}/{directory}")
    expected = [json.loads(row) for row in (ARTICLES / "test.jsonl").read_text().splitlines()[:3]]
    assert list(articles) == expected


@pytest.mark.parametrize("name", ["pileval", "/data/articles"])
def test_a_calibration_set_that_is_no_cnn_dailymail_is_refused_by_name(name: str) -> None:
    with pytest.raises(ToolchainError, match=f"--calib_dataset: .*got {name}"):
        load_calibration(name, 8)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=f"{tmp_path}/nothing/ccdv/cnn_dailymail does not exist"):
        load_evaluation(f"{tmp_path}/nothing")


def test_a_missing_column_is_named(dataset: Path) -> None:
    write_rows(dataset / "test.jsonl", [{"article": "a", "id": "1"}])
    with pytest.raises(ToolchainError, match="expected a text in every row, highlights lacks some"):
        load_evaluation(str(dataset))
    write_rows(dataset / "train.jsonl", [{"article": "a", "id": "1"}])
    with pytest.raises(ToolchainError, match="expected the column highlights, found article, id"):
        load_evaluation(str(dataset))


def test_a_split_without_a_file_is_one_short_line(dataset: Path) -> None:
    (dataset / "train.jsonl").unlink()
    with pytest.raises(
        ToolchainError, match=r"split train cannot be loaded; check the directory: .*train\.jsonl"
    ) as raised:
        load_calibration(str(dataset), 2)
    assert len(str(raised.value)) < 600


def test_an_empty_split_is_refused(dataset: Path) -> None:
    write_rows(dataset / "test.jsonl", [])
    with pytest.raises(ToolchainError, match="split test"):
        load_evaluation(str(dataset))


def test_changed_files_of_a_directory_are_seen(dataset: Path) -> None:
    rows = [{"article": "a", "highlights": "b", "id": "1"}]
    assert load_evaluation(str(dataset))[0] != rows[0]
    write_rows(dataset / "test.jsonl", rows)
    assert list(load_evaluation(str(dataset))) == rows
