#!/usr/bin/env python3
"""Stands for every program of a toolchain: writes at once what the step that runs it checks, and logs which devices it saw.

It lies under each program's name, with `tiny-toolchain.json` in the root beside it. There is no model: a checkpoint is what it was
asked to be, and an engine's texts are the references, or share no word with them, as its quantization says. So ROUGE is 100
or 0 for each text, and what is printed is right without computing it. As little as can be is imported: a machine of two cores
runs more than a thousand of these.
"""

import json
import os
import sys
import time

STARTED_NANOSECONDS = time.monotonic_ns()
PROGRAM = os.path.basename(sys.argv[0])
ROOT = os.environ["ENGINESMITH_TOOLCHAIN_ROOT"]
MAPPING = {"world_size": 1, "tp_size": 1, "pp_size": 1}
ALGORITHMS = {"fp8": "FP8", "int8_sq": "W8A8_SQ_PER_CHANNEL"}


def read_json(*path: str) -> dict:
    with open(os.path.join(*path)) as file:
        return json.load(file)


def write(directory: str, name: str, content: str | bytes) -> None:
    with open(os.path.join(directory, name), "wb" if isinstance(content, bytes) else "w") as file:
        file.write(content)


def arguments() -> dict[str, str]:
    """Values by flag; a flag without one has an empty value."""
    given: dict[str, str] = {}
    flag = ""
    for word in sys.argv[1:]:
        if word.startswith("--"):
            flag = word
            given[flag] = ""
        else:
            given[flag] = word
    return given


def safetensors() -> bytes:
    header = b'{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + b"\1\2\3\4"


def make_checkpoint(given: dict[str, str]) -> None:
    quantization = {"quant_algo": ALGORITHMS.get(given.get("--qformat", "")), "kv_cache_quant_algo": None}
    config = {
        "architecture": "LlamaForCausalLM",
        "mapping": MAPPING,
        "quantization": quantization,
        "samples": given.get("--calib_size"),
    }
    write(given["--output_dir"], "config.json", json.dumps(config))
    write(given["--output_dir"], "rank0.safetensors", safetensors())


def build(given: dict[str, str]) -> None:
    checkpoint = read_json(given["--checkpoint_dir"], "config.json")
    limits = {f"max_{name}": int(given[f"--max_{name}"]) for name in ("batch_size", "input_len", "output_len")}
    config = {"version": "0.10.0", "pretrained_config": checkpoint, "build_config": limits}
    write(given["--output_dir"], "config.json", json.dumps(config))
    write(given["--output_dir"], "rank0.engine", json.dumps(checkpoint))


def rows_of(dataset: str) -> list[dict]:
    with open(os.path.join(dataset, "test.jsonl")) as file:
        return [json.loads(line) for line in file]


def summarize(given: dict[str, str]) -> None:
    config = read_json(given["--engine_dir"], "config.json")["pretrained_config"]
    algorithm = config["quantization"]["quant_algo"]
    rows = rows_of(given["--dataset_dir"])
    # Each engine's own: evaluations that are equal would be one artifact.
    other = f"Rain fell over {config['samples']} quiet hills while seven dogs slept."
    right = {None: lambda row: True, "FP8": lambda row: False}.get(algorithm, lambda row: row % 2 == 0)
    texts = [row["highlights"] if right(index) else other for index, row in enumerate(rows)]
    lines = [f"[{index}] [Beam 0] {text}\n" for index, text in enumerate(texts)]
    write(given["--output_dir"], "trtllm.out", "".join(["Engine path: .\n", "Tokenizer path: .\n", *lines]))
    score = 100 * sum(right(index) for index in range(len(rows))) / len(rows)
    print("[TRT-LLM] [I] TensorRT-LLM beam 0 result")
    for metric in ("rouge1", "rouge2", "rougeL", "rougeLsum"):
        print(f"[TRT-LLM] [I]   {metric} : {score}")
    print("[TRT-LLM] [I]   Per-token perplexity : 2.0")


def compare(given: dict[str, str]) -> None:
    same = {"tokens": 8, "klDivergence": 0, "top1Agreement": 1, "negativeLogLikelihood": {"baseline": 1, "candidate": 1}}
    shard = read_json(given["--texts"])["shard"]
    articles = [{"row": shard["from"] + index, **same} for index in range(shard["count"])]
    agreement = {"schema": "enginesmith/agreement/v1", "shard": shard, "articles": articles}
    write(given["--output_dir"], "agreement.json", json.dumps(agreement))


WORK = {
    "quantize.py": make_checkpoint,
    "convert_checkpoint.py": make_checkpoint,
    "trtllm-build": build,
    "summarize.py": summarize,
    "compare_engines.py": compare,
}

settings = read_json(ROOT, "tiny-toolchain.json")
time.sleep(settings["workSeconds"])
WORK[PROGRAM](arguments())
line = {
    "program": PROGRAM,
    # A step's working directory is named after its job.
    "job": os.path.basename(os.getcwd()),
    "devices": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    "startedNanoseconds": STARTED_NANOSECONDS,
    "endedNanoseconds": time.monotonic_ns(),
}
# One write each, at the end of the file: lines of tools that end at once do not mix.
descriptor = os.open(settings["log"], os.O_WRONLY | os.O_APPEND)
os.write(descriptor, (json.dumps(line) + "\n").encode())
