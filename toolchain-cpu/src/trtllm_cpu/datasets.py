"""The texts that calibrate and evaluate: cnn_dailymail, from the Hub or from a local directory in its layout.

A local directory holds a README.md whose front matter declares the configuration 3.0.0 and its data files
(train.jsonl, test.jsonl), with the columns article, highlights and id.
"""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import datasets

from trtllm_cpu.errors import ToolchainError

CONFIGURATION = "3.0.0"
EVALUATION_DATASET = "ccdv/cnn_dailymail"
# The library's messages may list every file type that it knows.
MESSAGE_CHARACTERS = 300


def load_calibration(name_or_directory: str, samples: int) -> list[str]:
    """The first `samples` articles of the train split, unshuffled, by v0.10's rule for --calib_dataset.

    Errors: ToolchainError where the name is no cnn_dailymail, or the dataset cannot be loaded.
    """
    if "cnn_dailymail" not in name_or_directory:
        known = " (the CPU toolchain does not support pileval)" if name_or_directory == "pileval" else ""
        raise ToolchainError(
            f"--calib_dataset: expected a name or a path that contains cnn_dailymail, got {name_or_directory}{known}"
        )
    split = _load(name_or_directory, "train", ["article"], cache_directory=None)
    return split["article"][:samples]


def load_evaluation(dataset_directory: str | None, cache_directory: str | None = None) -> datasets.Dataset:
    """The test split with its columns article and highlights; `dataset_directory` is summarize.py's --dataset_dir.

    Errors: ToolchainError where the dataset cannot be loaded.
    """
    name = EVALUATION_DATASET if dataset_directory is None else _evaluation_directory(dataset_directory)
    return _load(name, "test", ["article", "highlights"], cache_directory)


def load_questions(dataset_directory: str) -> tuple[str, list[str]]:
    """What the test split of a directory like that asks: the column, `prompt` where there is one, else `article`.

    Errors: ToolchainError where the dataset cannot be loaded or has neither.
    """
    name = _evaluation_directory(dataset_directory)
    split = _load(name, "test", [], cache_directory=None)
    column = "prompt" if "prompt" in split.column_names else "article"
    _check_columns(name, "test", split, [column])
    return column, split[column][:]


def stream_rows(name: str, configuration: str | None, split: str) -> Iterator[dict[str, Any]]:
    """The rows of any dataset, read as they are asked for, from the Hub or from a local directory.

    Errors: ToolchainError where the dataset cannot be loaded.
    """
    with _explained(name, configuration, split):
        yield from datasets.load_dataset(name, configuration, split=split, streaming=True)


def _evaluation_directory(dataset_directory: str) -> str:
    directory = dataset_directory.rstrip("/")
    return directory if directory.endswith(EVALUATION_DATASET) else f"{directory}/{EVALUATION_DATASET}"


def _load(name: str, split: str, columns: list[str], cache_directory: str | None) -> datasets.Dataset:
    if _is_path(name) and not Path(name).is_dir():
        raise ToolchainError(f"the dataset directory {name} does not exist; it must hold README.md and {split}.jsonl")
    datasets.disable_progress_bars()
    with _explained(name, CONFIGURATION, split):
        if _is_path(name):
            # The library's cache does not notice that a directory's files have changed. The loaded table stays
            # mapped after its file is gone.
            if cache_directory is not None:
                Path(cache_directory).mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix="dataset-", dir=cache_directory) as private_cache:
                loaded = datasets.load_dataset(name, CONFIGURATION, split=split, cache_dir=private_cache)
        else:
            loaded = datasets.load_dataset(name, CONFIGURATION, split=split, cache_dir=cache_directory)
    _check_columns(name, split, loaded, columns)
    if len(loaded) == 0:
        raise ToolchainError(f"dataset {name}, split {split}: expected at least one row, found none")
    return loaded


@contextmanager
def _explained(name: str, configuration: str | None, split: str) -> Iterator[None]:
    """Turns the library's errors into one line."""
    try:
        yield
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        advice = "check the directory" if _is_path(name) else "check HF_ENDPOINT, or give a local directory"
        reason = textwrap.shorten(str(error), MESSAGE_CHARACTERS)
        raise ToolchainError(
            f"dataset {name}, configuration {configuration}, split {split} cannot be loaded; {advice}: {reason}"
        ) from error


def _check_columns(name: str, split: str, loaded: datasets.Dataset, columns: list[str]) -> None:
    missing = [column for column in columns if column not in loaded.column_names]
    if missing:
        found = ", ".join(loaded.column_names)
        raise ToolchainError(f"dataset {name}, split {split}: expected the column {missing[0]}, found {found}")
    # Where another split has the column, the library fills it with nulls.
    empty = [column for column in columns if loaded.data.column(column).null_count]
    if empty:
        raise ToolchainError(f"dataset {name}, split {split}: expected a text in every row, {empty[0]} lacks some")


def _is_path(name: str) -> bool:
    """Whether `name` means a local directory: a Hub id is `name` or `owner/name`, and a directory of that name wins."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or Path(name).is_dir()
