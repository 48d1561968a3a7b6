"""JSON files that hold one object."""

import json
from pathlib import Path

from trtllm_cpu.errors import ToolchainError


def read_json(path: Path, advice: str) -> dict:
    """The object in a JSON file. Errors: ToolchainError that ends with `advice`: missing, or holding anything else."""
    if not path.is_file():
        raise ToolchainError(f"{path} is missing; {advice}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ToolchainError(f"{path} is no JSON ({error}); {advice}") from error
    if not isinstance(values, dict):
        raise ToolchainError(f"{path} holds no JSON object; {advice}")
    return values


def write_json(path: Path, values: dict) -> None:
    """Writes one indented JSON file, keys in the given order, so that equal values give equal bytes."""
    path.write_text(json.dumps(values, indent=4) + "\n", encoding="utf-8")
