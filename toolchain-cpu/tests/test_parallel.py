"""Tensor and pipeline parallelism: checkpoints cut over ranks, and engines that exchange activations over MPI."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from conftest import FORMAT_FLAGS, PROGRAMS
from parallel_engine import OPEN_MPI, joined, launch_line, rank_processes, run_ranks
from tiny_llama import write_llama
from toolchain import checkout_environment
from triton_server import session_members

from trtllm_cpu.checkpoint.layout import LINEARS
from trtllm_cpu.tensor_file import TensorFile

LENGTHS = ("--max_input_len", "32", "--max_output_len", "16", "--max_batch_size", "2", "--gather_all_token_logits")
TEXTS = ("word3 word14 word15 word92 word65", "word7 word1")


@pytest.fixture(scope="module")
def parallel_checkpoint(
    tiny_model: Path,
    calibration_articles: Path,
    run_program: Callable[..., CompletedProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, int, int], Path]:
    """The tiny model's checkpoint by (qformat, tp_size, pp_size)."""
    base = tmp_path_factory.mktemp("parallel-checkpoints")

    def checkpoint(qformat: str, tp_size: int, pp_size: int) -> Path:
        directory = base / f"{qformat}-{tp_size}-{pp_size}"
        if not directory.exists():
            flags = ("--model_dir", tiny_model, "--calib_dataset", calibration_articles, "--output_dir", directory)
            sizes = ("--tp_size", tp_size, "--pp_size", pp_size)
            # Blocks that divide what a rank has of each input, too; the last of a flag given twice counts.
            blocks = ("--awq_block_size", 32)
            ended = run_program("quantize", "--qformat", qformat, *flags, *sizes, *FORMAT_FLAGS[qformat], *blocks)
            assert ended.returncode == 0, ended.stderr
        return directory

    return checkpoint


def tensors(path: Path) -> dict[str, np.ndarray]:
    file = TensorFile(path)
    return {name: file.read(name) for name in file.names()}


def build(run_program: Callable[..., CompletedProcess], checkpoint: Path, engine: Path, *lengths: str) -> Path:
    ended = run_program("build", "--checkpoint_dir", checkpoint, "--output_dir", engine, *(lengths or LENGTHS))
    assert ended.returncode == 0, ended.stderr
    return engine


@pytest.fixture(scope="module")
def parallel_engine(
    parallel_checkpoint: Callable[[str, int, int], Path],
    run_program: Callable[..., CompletedProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, int, int], Path]:
    """The tiny model's engine by (qformat, tp_size, pp_size)."""
    base = tmp_path_factory.mktemp("parallel-engines")

    def engine(qformat: str, tp_size: int, pp_size: int) -> Path:
        directory = base / f"{qformat}-{tp_size}-{pp_size}"
        if not directory.exists():
            build(run_program, parallel_checkpoint(qformat, tp_size, pp_size), directory)
        return directory

    return engine


def generate(engine: Path, ranks: int, tiny_model: Path, work: Path) -> tuple[list[list[int]], np.ndarray]:
    """(token ids of prompts and answers, logits of all prompt tokens) that run.py writes for TEXTS."""
    files = ("--output_npy", work / "ids.npy", "--output_logits_npy", work / "logits.npy")
    flags = ("--engine_dir", engine, "--tokenizer_dir", tiny_model, "--max_output_len", 16, *files)
    ended = run_ranks(ranks, PROGRAMS["run"], *flags, "--input_text", *TEXTS, cwd=work)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return np.load(work / "ids.npy").tolist(), np.load(work / "logits_context.npy")


@pytest.mark.parametrize("qformat", FORMAT_FLAGS)
def test_the_rank_files_put_together_are_the_tensors_of_one_rank(parallel_checkpoint, qformat):
    tp_size, pp_size = 2, 2
    whole = tensors(parallel_checkpoint(qformat, 1, 1) / "rank0.safetensors")
    directory = parallel_checkpoint(qformat, tp_size, pp_size)
    ranks = [tensors(directory / f"rank{rank}.safetensors") for rank in range(tp_size * pp_size)]
    mapping = json.loads((directory / "config.json").read_text())["mapping"]
    assert (mapping["world_size"], mapping["tp_size"], mapping["pp_size"]) == (tp_size * pp_size, tp_size, pp_size)
    heads, key_value_heads, head_size = 6 // tp_size, 2 // tp_size, 32
    together: dict[str, np.ndarray] = {}
    for stage, layer in product(range(pp_size), range(2)):
        group = [in_the_model(rank, stage) for rank in ranks[stage * tp_size : (stage + 1) * tp_size]]
        linears = {f"transformer.layers.{layer}.{linear.name}": linear.name for linear in LINEARS}
        for name in group[0]:
            prefix, _, suffix = name.rpartition(".")
            parts = [rank[name] for rank in group]
            if prefix in linears:
                together[name] = joined(linears[prefix], suffix, parts, heads * head_size, key_value_heads * head_size)
            elif name in ("transformer.vocab_embedding.weight", "lm_head.weight"):
                together[name] = np.concatenate(parts)
            elif "layers" not in name or name.startswith(f"transformer.layers.{layer}."):
                assert all(np.array_equal(part, parts[0]) for part in parts)
                together[name] = parts[0]
    assert together.keys() == whole.keys()
    for name, tensor in whole.items():
        assert np.array_equal(together[name].view(np.uint8), tensor.view(np.uint8)), name


def in_the_model(stored: dict[str, np.ndarray], stage: int) -> dict[str, np.ndarray]:
    """A rank's tensors, one layer a stage, by the layer's number in the whole model."""
    return {name.replace("layers.0.", f"layers.{stage}."): tensor for name, tensor in stored.items()}


def test_a_stage_counts_its_layers_from_0_as_upstream_and_only_the_ends_have_vocabularies(parallel_checkpoint):
    directory = parallel_checkpoint("fp8", 1, 2)
    first, last = (set(tensors(directory / f"rank{rank}.safetensors")) for rank in (0, 1))
    assert {name.split(".")[2] for name in first | last if ".layers." in name} == {"0"}
    assert first - last == {"transformer.vocab_embedding.weight"}
    assert last - first == {"transformer.ln_f.weight", "lm_head.weight"}


@pytest.mark.parametrize(
    ("qformat", "tp_size", "pp_size"), [("fp8", 2, 1), ("fp8", 1, 2), ("fp8", 2, 2), ("int4_awq", 2, 2)]
)
def test_ranks_together_compute_what_one_does_but_for_rounding(
    parallel_engine, tiny_model, tmp_path, qformat, tp_size, pp_size
):
    ids, logits = generate(parallel_engine(qformat, 1, 1), 1, tiny_model, tmp_path)
    parallel_ids, parallel_logits = generate(
        parallel_engine(qformat, tp_size, pp_size), tp_size * pp_size, tiny_model, tmp_path
    )
    np.testing.assert_allclose(parallel_logits, logits, atol=1e-4)
    assert parallel_ids == ids


@pytest.mark.parametrize("embedding", [(), ("--use_parallel_embedding", "--embedding_sharding_dim", "1")])
def test_kv_heads_fewer_than_ranks_are_held_twice_and_vocabularies_that_do_not_divide_are_filled_up(
    tiny_model, run_program, tmp_path, embedding
):
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    shape = json.loads((tiny_model / "config.json").read_text())
    write_llama(model, **{**shape, "num_key_value_heads": 1, "vocab_size": 101, "tie_word_embeddings": False})
    outputs = []
    for tp_size in (1, 2):
        checkpoint, work = tmp_path / f"checkpoint{tp_size}", tmp_path / f"work{tp_size}"
        flags = ("--model_dir", model, "--output_dir", checkpoint, "--tp_size", tp_size, *embedding)
        ended = run_program("convert", *flags)
        assert ended.returncode == 0, ended.stderr
        work.mkdir()
        engine = build(run_program, checkpoint, tmp_path / f"engine{tp_size}")
        outputs.append(generate(engine, tp_size, model, work))
    (ids, logits), (parallel_ids, parallel_logits) = outputs
    np.testing.assert_allclose(parallel_logits, logits, atol=1e-4)
    assert parallel_ids == ids


def test_a_flipped_byte_in_one_ranks_engine_changes_what_all_put_out(parallel_engine, tiny_model, tmp_path):
    engine = Path(shutil.copytree(parallel_engine("fp8", 2, 1), tmp_path / "engine"))
    _, before = generate(engine, 2, tiny_model, tmp_path)
    path = engine / "rank1.engine"
    data = bytearray(path.read_bytes())
    # The exponent of a float32 weight: the first tensor of the file is the rank's part of the head.
    data[4096 + 3] ^= 0x40
    path.write_bytes(data)
    _, after = generate(engine, 2, tiny_model, tmp_path)
    assert not np.allclose(after, before, atol=1e-2)


def test_another_number_of_ranks_than_the_engine_has_is_refused(parallel_engine, tiny_model, tmp_path):
    flags = ("--engine_dir", parallel_engine("fp8", 2, 1), "--tokenizer_dir", tiny_model, "--max_output_len", 4)
    for ranks in (1, 3):
        ended = run_ranks(ranks, PROGRAMS["run"], *flags, cwd=tmp_path)
        assert ended.returncode != 0
        assert f"MPI size {ranks} is not tp x pp = 2; use mpirun -n 2" in ended.stderr


def test_a_rank_that_cannot_load_its_engine_ends_the_whole_launch(parallel_engine, tiny_model, tmp_path):
    engine = Path(shutil.copytree(parallel_engine("fp8", 2, 1), tmp_path / "engine"))
    (engine / "rank1.engine").unlink()
    flags = ("--engine_dir", engine, "--tokenizer_dir", tiny_model, "--max_output_len", 4)
    ended = run_ranks(2, PROGRAMS["run"], *flags, cwd=tmp_path)
    assert ended.returncode != 0
    assert "rank1.engine is missing" in ended.stderr


@pytest.mark.parametrize("killed", ["rank0.engine", "rank1.engine"])
def test_each_rank_opens_its_own_engine_only_and_a_killed_one_ends_them_all(
    parallel_checkpoint, run_program, tiny_model, tmp_path, killed
):
    lengths = ("--max_input_len", "32", "--max_output_len", "100000")
    engine = build(run_program, parallel_checkpoint("fp8", 2, 1), tmp_path / "engine", *lengths)
    flags = ("--engine_dir", engine, "--tokenizer_dir", tiny_model, "--max_output_len", 100000, "--top_k", 0)
    launched = subprocess.Popen(
        launch_line(2, PROGRAMS["run"], *flags, "--input_text", TEXTS[0]),
        env=checkout_environment(**OPEN_MPI),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while len(processes := rank_processes(session_members(launched.pid))) < 2:
            assert launched.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(processes[killed], signal.SIGKILL)
        assert launched.wait(timeout=15) != 0
        while session_members(launched.pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        for pid in session_members(launched.pid):
            os.kill(pid, signal.SIGKILL)
