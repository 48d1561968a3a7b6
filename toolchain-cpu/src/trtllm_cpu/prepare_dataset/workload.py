"""The requests of a benchmark, and the two ways to hand them over: a file, or lines on stdout."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trtllm_cpu.errors import ToolchainError

UNNAMED = ("tokenizer",)
"""Metadata that is no part of a workload's name."""


@dataclass(frozen=True)
class Sample:
    """One request; the fields and their order are those of the file."""

    input_len: int
    input_ids: list[int]
    output_len: int
    task_id: int


def write_workload(path: Path, metadata: dict[str, Any], samples: list[Sample]) -> None:
    """Writes one JSON object: metadata, to which a name made of it is added, and the samples.

    Errors: ToolchainError where the directory does not exist.
    """
    if not path.parent.is_dir():
        raise ToolchainError(f"--output: the directory {path.parent} does not exist; make it, or name another one")
    name = "__".join(f"{key}:{value}" for key, value in metadata.items() if key not in UNNAMED)
    workload = {"metadata": metadata | {"workload_name": name}, "samples": [asdict(sample) for sample in samples]}
    path.write_text(json.dumps(workload), encoding="utf-8")


def print_workload(samples: list[Sample]) -> None:
    """One JSON object a line; v0.10 calls the token ids `logits`, and numbers the requests as `task_id`."""
    for index, sample in enumerate(samples):
        line = {"task_id": index, "logits": sample.input_ids, "output_tokens": sample.output_len}
        print(json.dumps(line, separators=(",", ":")))
