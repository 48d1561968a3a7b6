"""What run.py is asked: texts, or a file of texts or token ids, by v0.10's rules.

A text that is too long is cut at its end, as its tokenizer does; token ids of a file keep their end.
"""

import csv
from argparse import Namespace
from pathlib import Path

import numpy as np

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.tokenizer import ModelTokenizer


def read_inputs(arguments: Namespace, tokenizer: ModelTokenizer) -> list[list[int]]:
    """Token ids of each input, at most --max_input_length.

    Errors: ToolchainError naming --input_file, where it is missing, of another kind, or holds something else.
    """
    if arguments.input_file is None:
        return [_encode(arguments, tokenizer, text) for text in arguments.input_text]
    path = Path(arguments.input_file)
    if not path.is_file():
        raise ToolchainError(f"--input_file: {path} does not exist")
    if path.suffix == ".txt":
        with path.open(encoding="utf-8", errors="replace") as file:
            # A line keeps its line break, as upstream's does.
            return _some(path, [_encode(arguments, tokenizer, line) for line in file])
    if path.suffix not in _READERS:
        raise ToolchainError(f"--input_file: expected .csv, .npy or .txt, got {path}")
    try:
        rows = _READERS[path.suffix](path, tokenizer)
    except (ValueError, OSError) as error:
        raise ToolchainError(f"--input_file: {path} does not hold rows of token ids ({error})") from error
    return _some(path, [row[-arguments.max_input_length :] for row in rows])


def _some(path: Path, inputs: list[list[int]]) -> list[list[int]]:
    if not inputs:
        raise ToolchainError(f"--input_file: expected at least one input, {path} is empty")
    return inputs


def _encode(arguments: Namespace, tokenizer: ModelTokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, arguments.add_special_tokens)[: arguments.max_input_length]


def _read_csv(path: Path, _tokenizer: ModelTokenizer) -> list[list[int]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [[int(value) for value in row] for row in csv.reader(file)]


def _read_npy(path: Path, tokenizer: ModelTokenizer) -> list[list[int]]:
    rows = np.load(path, allow_pickle=False)
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(f"expected integers in two dimensions, found {rows.dtype} in {rows.ndim}")
    return [row[row != tokenizer.pad_id].tolist() for row in rows]


_READERS = {".csv": _read_csv, ".npy": _read_npy}
