"""Quantizes a model with our own quantizer and with NVIDIA ModelOpt, and shows how far the two agree.

Run it with a Python that has the extra (pip install .[modelopt]):
    python compare_quantizers.py --model_dir MODEL --calib_dataset DIR/cnn_dailymail --output_dir NEW
MODEL is a Hugging Face Llama, the dataset one that quantize.py calibrates on. For each format quantize.py runs once
with either on the same texts, trtllm-build builds both checkpoints, and both engines read the texts that follow the
calibration's. Exits with 1 where ModelOpt's checkpoint lacks a tensor of ours or has it in another shape, or where one
of the two loses much more against full precision than the other. Checkpoints, engines and logs stay in NEW.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trtllm_cpu.compare.agreement import Agreement, agreement
from trtllm_cpu.compare.checkpoints import ABSENT, CheckpointComparison, compare_checkpoints
from trtllm_cpu.datasets import load_calibration
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.modelopt.choice import BUILT_IN, MODELOPT, VARIABLE
from trtllm_cpu.modelopt.recipes import RECIPES
from trtllm_cpu.quantization.formats import FORMATS
from trtllm_cpu.tokenizer import ModelTokenizer

ROOT = Path(__file__).resolve().parent / "root"
QUANTIZE = ROOT / "opt/tensorrt_llm/examples/quantization/quantize.py"
BUILD = ROOT / "usr/local/bin/trtllm-build"
BOTH = [row.qformat for row in FORMATS if row.qformat in RECIPES and row.quant_algo is not None]
"""The formats that both can write."""

# What one may lose against full precision compared with the other, and a loss (in nats) that is too small to compare.
LOSS_RATIO = 1.5
NEGLIGIBLE_LOSS = 0.01
NAMES_SHOWN = 20


@dataclass(frozen=True)
class Loss:
    """Means over the tokens of all texts, against another engine."""

    divergence: float
    top1: float


def main() -> int:
    """Compares format by format; returns the exit code."""
    arguments = create_parser().parse_args()
    output = Path(arguments.output_dir)
    output.mkdir(parents=True)
    texts = evaluation_texts(arguments)
    full_precision = Engine.of_model(HubModel(Path(arguments.model_dir)), arguments.length, 1, "float16")
    agreed = [compare_format(qformat, arguments, output, texts, full_precision) for qformat in arguments.formats]
    return 0 if all(agreed) else 1


def create_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(description="Quantize with our own quantizer and with ModelOpt, and compare.")
    add = parser.add_argument
    add("--model_dir", required=True)
    add("--calib_dataset", required=True, help="local directory in cnn_dailymail's layout, or the name on the Hub")
    add("--output_dir", required=True, help="must not exist")
    add("--formats", nargs="+", choices=BOTH, default=BOTH, help="default: all")
    add("--calib_size", type=int, default=8, help="texts to calibrate on")
    add("--articles", type=int, default=8, help="texts after them to evaluate on")
    # Shorter than the texts: quantize.py with ModelOpt fills short ones up, as upstream, and would see other tokens.
    add("--length", type=int, default=128, help="tokens of each text, none shorter")
    add("--awq_block_size", type=int, default=64)
    return parser


def evaluation_texts(arguments: argparse.Namespace) -> list[list[int]]:
    """Token ids of the articles that follow those of the calibration."""
    tokenizer = ModelTokenizer(Path(arguments.model_dir))
    articles = load_calibration(arguments.calib_dataset, arguments.calib_size + arguments.articles)
    token_ids = [tokenizer.encode(article)[: arguments.length] for article in articles]
    shortest = min(map(len, token_ids))
    if shortest < arguments.length:
        raise SystemExit(f"--length {arguments.length}: a text has {shortest} tokens; give at most as many")
    return token_ids[arguments.calib_size :]


def compare_format(
    qformat: str, arguments: argparse.Namespace, output: Path, texts: list[list[int]], full_precision: Engine
) -> bool:
    """Quantizes, builds, evaluates and prints one format; whether the two agree."""
    engines, checkpoints, seconds = [], [], []
    for quantizer in (BUILT_IN, MODELOPT):
        directory = output / qformat / quantizer
        directory.mkdir(parents=True)
        checkpoints.append(directory / "checkpoint")
        seconds.append(quantize(qformat, quantizer, arguments, checkpoints[-1]))
        lengths = ("--max_input_len", arguments.length, "--max_output_len", 1)
        run(BUILD, directory / "build.log", "--checkpoint_dir", checkpoints[-1], "--output_dir", directory, *lengths)
        engines.append(Engine.load(directory))
    ours, theirs = (loss(full_precision, engine, texts) for engine in engines)
    between = loss(engines[0], engines[1], texts)
    comparison = compare_checkpoints(*checkpoints)
    alike = comparable(ours.divergence, theirs.divergence)
    print(f"\n## {qformat}\nquantized in {seconds[0]:.0f} s by ours, in {seconds[1]:.0f} s by ModelOpt")
    print_checkpoints(comparison)
    print("| engine of | against | KL, nats | top-1 agreement |\n| --- | --- | --- | --- |")
    for engine, baseline, found in (
        ("ours", "full precision", ours),
        ("ModelOpt's", "full precision", theirs),
        ("ModelOpt's", "ours", between),
    ):
        print(f"| {engine} | {baseline} | {found.divergence:.4f} | {found.top1:.1%} |")
    agreed = comparison.same_layout and alike
    print(f"{qformat}: {'the two agree' if agreed else 'THE TWO DISAGREE'}", flush=True)
    return agreed


def quantize(qformat: str, quantizer: str, arguments: argparse.Namespace, checkpoint: Path) -> float:
    """Runs quantize.py with one of the two quantizers; returns its seconds."""
    started = time.monotonic()
    flags = {
        "--model_dir": arguments.model_dir,
        "--qformat": qformat,
        "--calib_dataset": arguments.calib_dataset,
        "--calib_size": arguments.calib_size,
        # In one batch: ModelOpt's AWQ rounds every weight anew for each batch and scaling that it tries.
        "--batch_size": arguments.calib_size,
        "--calib_max_seq_length": arguments.length,
        "--awq_block_size": arguments.awq_block_size,
        "--output_dir": checkpoint,
    }
    pairs = [value for flag in flags.items() for value in flag]
    run(QUANTIZE, checkpoint.parent / "quantize.log", *pairs, **{VARIABLE: quantizer})
    return time.monotonic() - started


def run(program: Path, log: Path, *arguments: object, **environment: str) -> None:
    """Runs a program of the toolchain to its end, its output in `log`; ends this one where it fails."""
    command = [sys.executable, str(program), *map(str, arguments)]
    with log.open("w", encoding="utf-8") as file:
        ended = subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | environment, check=False
        )
    if ended.returncode:
        raise SystemExit(f"{program.name} ended with {ended.returncode}; see {log}")


def loss(baseline: Engine, candidate: Engine, texts: list[list[int]]) -> Loss:
    """What `candidate` expects otherwise than `baseline` after each token of the texts."""
    found: list[Agreement] = [agreement(baseline, candidate, text[:1], text[1:]) for text in texts]
    return Loss(
        divergence=float(np.mean([text.divergence for text in found])),
        top1=float(np.mean([text.top1 for text in found])),
    )


def comparable(first: float, second: float) -> bool:
    """Whether neither of two losses is much larger than the other."""
    least, largest = sorted((first, second))
    return largest <= max(least * LOSS_RATIO, NEGLIGIBLE_LOSS)


def print_checkpoints(comparison: CheckpointComparison) -> None:
    """Prints how ModelOpt's checkpoint differs from ours."""
    verdict = "the same" if comparison.same_layout else "NOT the same"
    print(f"- names, dtypes and shapes of our {comparison.tensors} tensors: {verdict}")
    different = comparison.config.items()
    for what, names in (
        ("tensors that only ours has", comparison.missing),
        ("tensors of another dtype or shape", comparison.changed),
        ("tensors that only ModelOpt's has", comparison.added),
        ("keys that only our config.json has", [key for key, values in different if values[1] == ABSENT]),
        ("keys that only ModelOpt's has", [key for key, values in different if values[0] == ABSENT]),
        ("other values", [f"{key}: {a!r}, {b!r}" for key, (a, b) in different if ABSENT not in (a, b)]),
    ):
        if names:
            shown = ", ".join(names[:NAMES_SHOWN])
            print(f"- {what}: {shown}{f' and {len(names) - NAMES_SHOWN} more' if len(names) > NAMES_SHOWN else ''}")
    for kind, differences in comparison.scales.items():
        print(f"- {kind}: relative difference {differences.mean():.2g} on average, {differences.max():.2g} at most")
    print(f"- equal values among the linears' weights: {comparison.equal_weights:.2%}\n")


if __name__ == "__main__":
    sys.exit(main())
