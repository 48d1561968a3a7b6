"""Requests from the rows of a dataset."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.tokenizer import ModelTokenizer


@dataclass(frozen=True)
class Columns:
    """Which columns of a dataset make a request; the prompt is a column's, or always the same."""

    input: str
    prompt: str | None
    fixed_prompt: str | None
    output: str | None
    """Its length in tokens is how many are asked for."""


def read_requests(
    rows: Iterator[dict[str, Any]],
    columns: Columns,
    tokenizer: ModelTokenizer,
    count: int | None,
    max_input_len: int | None,
) -> list[tuple[list[int], int | None]]:
    """(token ids, length of the row's output or None) of the first `count` rows that are not too long.

    Errors: ToolchainError naming a column that is missing, or where no row is left.
    """
    requests: list[tuple[list[int], int | None]] = []
    for row in rows:
        prompt = columns.fixed_prompt or _text(row, "--dataset-prompt-key", columns.prompt)
        text = f"{prompt} {_text(row, '--dataset-input-key', columns.input)}"
        logging.debug("Input sequence: %s", text)
        input_ids = tokenizer.encode(text)
        if max_input_len and len(input_ids) > max_input_len:
            continue
        output = None if columns.output is None else _text(row, "--dataset-output-key", columns.output)
        requests.append((input_ids, None if output is None else len(tokenizer.encode(output))))
        if len(requests) == count:
            break
    if not requests:
        raise ToolchainError(f"--max-input-len: expected some inputs of at most {max_input_len} tokens, found none")
    if count is not None and len(requests) < count:
        logging.warning("Number of requests=%d is smaller than the num-requests user set=%d.", len(requests), count)
    return requests


def _text(row: dict[str, Any], flag: str, column: str | None) -> str:
    if not isinstance(row.get(column), str):
        raise ToolchainError(f"{flag}: expected a column of texts, {column} is none of {', '.join(row)}")
    return row[column]
