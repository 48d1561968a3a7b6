"""evaluation.json: what one side answered to each row of a shard of a dataset."""

from dataclasses import dataclass
from pathlib import Path

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.json_file import read_json

SCHEMA = "enginesmith/evaluation/v2"


@dataclass(frozen=True)
class Evaluation:
    """Texts by row of the whole split; the shard is `count` rows from `first_row`."""

    first_row: int
    count: int
    texts: dict[int, str]


def read_evaluation(path: Path) -> Evaluation:
    """Errors: ToolchainError naming the file and what of it is not as expected."""
    values = read_json(path, "--texts must name an evaluation.json of the baseline")
    if values.get("schema") != SCHEMA:
        raise ToolchainError(f"{path}: schema is {values.get('schema')!r}, expected {SCHEMA!r}; evaluate again")
    try:
        first_row, count = int(values["shard"]["from"]), int(values["shard"]["count"])
        texts = {int(entry["row"]): str(entry["text"]) for entry in values["texts"]}
    except (KeyError, TypeError, ValueError) as error:
        raise ToolchainError(f"{path}: incomplete ({error!r}); evaluate again") from error
    outside = [row for row in texts if not first_row <= row < first_row + count]
    if outside:
        raise ToolchainError(f"{path}: row {outside[0]} is not in its shard of {count} rows from {first_row}")
    return Evaluation(first_row, count, texts)
