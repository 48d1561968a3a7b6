"""One table of what each quantization format costs and gives, from one run over one model.

    python bench/formats.py --model_dir MODEL --work_dir DIR [--articles 8] [--calib_size 32]

runs the programs of this checkout as their users do: quantize.py, trtllm-build, summarize.py, and compare_engines.py
against the unquantized engine on the texts that it wrote. What DIR already holds is not made again, so an interrupted
run goes on where it was; tokens/s, prompts included, mean something only where nothing else ran meanwhile. The small
model takes 7 GB of disk. The last lines on stdout are the table, in Markdown.
"""

import json
import os
import re
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

CHECKOUT = Path(__file__).resolve().parents[1]
ARTICLES = CHECKOUT / "data/cnn_dailymail"
EXAMPLES = CHECKOUT / "root/opt/tensorrt_llm/examples"
QUANTIZE = EXAMPLES / "quantization/quantize.py"
BUILD = CHECKOUT / "root/usr/local/bin/trtllm-build"
SUMMARIZE = EXAMPLES / "summarize.py"
COMPARE = CHECKOUT / "root/opt/scripts/compare_engines.py"

MAX_INPUT_LEN = 923
MAX_OUTPUT_LEN = 100


@dataclass(frozen=True)
class Variant:
    """A row of the table: what quantize.py is asked for."""

    qformat: str
    kv_cache_dtype: str | None = None
    flags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the row is called, and its directory."""
        return self.qformat if self.kv_cache_dtype is None else f"{self.qformat}, {self.kv_cache_dtype} cache"


BASELINE = Variant("full_prec")
VARIANTS = (
    BASELINE,
    Variant("fp8"),
    Variant("int8_wo"),
    Variant("int8_sq"),
    Variant("int4_awq", flags=("--awq_block_size", "64")),
    Variant("int4_wo"),
    Variant("full_prec", "int8"),
    Variant("full_prec", "fp8"),
    Variant("int8_sq", "int8"),
    Variant("int4_wo", "fp8"),
)

COLUMNS = ("rouge1", "rouge2", "rougeL", "rougeLsum", "perplexity", "KL", "top-1 %", "engine MB", "tokens/s")


class Bench:
    """The files of one run."""

    def __init__(self, arguments: Namespace):
        self._arguments = arguments
        self._work = Path(arguments.work_dir).resolve()
        # The programs add ccdv/cnn_dailymail to the directory that they are given.
        articles = self._work / "ccdv/cnn_dailymail"
        articles.parent.mkdir(parents=True, exist_ok=True)
        if not articles.is_symlink():
            articles.symlink_to(ARTICLES)

    def measure(self, variant: Variant) -> list[str]:
        """Quantizes, builds and evaluates a variant; returns its cells."""
        directory = self._work / variant.name.replace(", ", "-").replace(" ", "-")
        engine = self._engine(variant, directory)
        summarized = self._summarize(engine, directory)
        divergence, agreement = self._compare(variant, engine, directory)
        rouge = [reported(summarized, rf"  {metric} : ") for metric in COLUMNS[:4]]
        return [
            *(f"{score:.1f}" for score in rouge),
            f"{reported(summarized, '  Per-token perplexity: '):.2f}",
            f"{divergence:.4f}",
            f"{agreement * 100:.1f}",
            f"{(engine / 'rank0.engine').stat().st_size / 1e6:.0f}",
            f"{reported(summarized, re.escape('TensorRT-LLM (tokens per second: ')):.1f}",
        ]

    def _engine(self, variant: Variant, directory: Path) -> Path:
        checkpoint, engine = directory / "checkpoint", directory / "engine"
        cache = () if variant.kv_cache_dtype is None else ("--kv_cache_dtype", variant.kv_cache_dtype)
        calibration = ("--calib_dataset", ARTICLES, "--calib_size", self._arguments.calib_size)
        flags = ("--qformat", variant.qformat, *variant.flags, *cache, *calibration)
        model = ("--model_dir", self._arguments.model_dir)
        self._run(directory / "quantize.log", QUANTIZE, *model, *flags, "--output_dir", checkpoint)
        lengths = ("--max_input_len", MAX_INPUT_LEN, "--max_output_len", MAX_OUTPUT_LEN)
        self._run(directory / "build.log", BUILD, "--checkpoint_dir", checkpoint, "--output_dir", engine, *lengths)
        return engine

    def _summarize(self, engine: Path, directory: Path) -> str:
        where = ("--engine_dir", engine, "--hf_model_dir", self._arguments.model_dir, "--dataset_dir", self._work)
        lengths = ("--max_input_length", MAX_INPUT_LEN, "--output_len", MAX_OUTPUT_LEN)
        asked = ("--test_trt_llm", "--eval_ppl", "--max_ite", self._arguments.articles, "--output_dir", directory)
        return self._run(directory / "summarize.log", SUMMARIZE, *where, *lengths, *asked)

    def _compare(self, variant: Variant, engine: Path, directory: Path) -> tuple[float, float]:
        """Means over articles: KL divergence from the baseline in nats, and the share of tokens expected alike."""
        baseline = self._work / BASELINE.name
        texts = self._work / "evaluation.json"
        if variant == BASELINE:
            texts.write_text(json.dumps(evaluation(baseline / "trtllm.out", self._arguments.articles)))
        where = ("--engine_dir", engine, "--baseline_engine_dir", baseline / "engine", "--dataset_dir", self._work)
        tokenizer = ("--tokenizer_dir", self._arguments.model_dir, "--max_input_length", MAX_INPUT_LEN)
        self._run(directory / "compare.log", COMPARE, *where, *tokenizer, "--texts", texts, "--output_dir", directory)
        articles = json.loads((directory / "agreement.json").read_text())["articles"]
        return mean(row["klDivergence"] for row in articles), mean(row["top1Agreement"] for row in articles)

    def _run(self, log: Path, *command: object) -> str:
        """What a program printed; it runs only where `log` does not hold that already."""
        if not log.exists():
            log.parent.mkdir(exist_ok=True)
            print(f"{log.parent.name}: {log.stem}", file=sys.stderr, flush=True)
            path = os.pathsep.join([str(CHECKOUT / "src"), os.environ.get("PYTHONPATH", "")])
            environment = os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
            words = [sys.executable, *map(str, command)]
            ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
            if ended.returncode != 0:
                sys.exit(f"{' '.join(words)}\n{ended.stdout}{ended.stderr}")
            log.write_text(ended.stdout)
        return log.read_text()


def reported(printed: str, label: str) -> float:
    """The number that a program printed after `label`, a regular expression."""
    return float(re.findall(label + r"([-+.e\d]+)", printed)[-1])


def evaluation(output_file: Path, count: int) -> dict:
    """evaluation.json for what summarize.py wrote of the first `count` rows."""
    parts = re.split(r"^\[(\d+)\] \[Beam 0\] ", output_file.read_text(), flags=re.MULTILINE)[1:]
    texts = [{"row": int(row), "text": text.rstrip("\n")} for row, text in zip(parts[::2], parts[1::2], strict=True)]
    return {"schema": "enginesmith/evaluation/v2", "shard": {"from": 0, "count": count}, "texts": texts}


def main() -> None:
    """Prints the table."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model_dir", required=True, help="a Hugging Face Llama")
    parser.add_argument("--work_dir", required=True, help="where checkpoints, engines and logs are written")
    parser.add_argument("--articles", type=int, default=8, help="of the test split")
    parser.add_argument("--calib_size", type=int, default=32, help="articles of the train split")
    bench = Bench(parser.parse_args())
    rows = [(variant.name, *bench.measure(variant)) for variant in VARIANTS]
    for row in (("format", *COLUMNS), ("---",) * (len(COLUMNS) + 1), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
