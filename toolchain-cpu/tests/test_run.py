"""run.py as its users run it, on an engine of the tiny model that answers three at once."""

import csv
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from generated import generated

from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.run.arguments import create_parser
from trtllm_cpu.tokenizer import ModelTokenizer

FIRST, SECOND = "word3 word14 word15 word92 word65", "word7 word8"
END = 99
Ask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def batch_engine(checkpoints, run_program, tmp_path_factory) -> Path:
    """An engine for up to three inputs, which gathers logits."""
    directory = tmp_path_factory.mktemp("batch") / "engine"
    flags = ("--checkpoint_dir", checkpoints["full_prec"], "--output_dir", directory, "--max_batch_size", "3")
    limits = ("--max_input_len", "32", "--max_output_len", "16", "--gather_all_token_logits")
    ended = run_program("build", *flags, *limits)
    assert ended.returncode == 0, ended.stderr
    return directory


@pytest.fixture(scope="module")
def ask(batch_engine, tiny_model, run_program) -> Ask:
    """ask(*flags): run.py on that engine, for six tokens; returns the ended process."""
    shared = ("--engine_dir", batch_engine, "--tokenizer_dir", tiny_model, "--max_output_len", "6")
    return lambda *flags: run_program("run", *shared, *flags)


@pytest.fixture(scope="module")
def expected(batch_engine, tiny_model) -> dict[str, list[int]]:
    """Greedy tokens after each of the two texts, straight from the engine."""
    engine, tokenizer = Engine.load(batch_engine), ModelTokenizer(tiny_model)
    return {text: generated(engine, tokenizer.encode(text), 6, END) for text in (FIRST, SECOND)}


def words(token_ids: list[int]) -> str:
    return " ".join(f"word{token}" for token in token_ids)


def printed(ended: subprocess.CompletedProcess[str]) -> list[str]:
    assert ended.returncode == 0, ended.stderr
    return [line for line in ended.stdout.splitlines() if not line.startswith("[")]


def test_it_prints_each_input_and_what_was_generated_after_it(ask, expected) -> None:
    lines = printed(ask("--input_text", FIRST, SECOND, "--log_level", "info"))
    assert lines == [
        f'Input [Text 0]: "{FIRST}"',
        f'Output [Text 0 Beam 0]: "{words(expected[FIRST])}"',
        f'Input [Text 1]: "{SECOND}"',
        f'Output [Text 1 Beam 0]: "{words(expected[SECOND])}"',
    ]


def test_a_stream_prints_every_interval_and_its_end(ask, expected) -> None:
    lines = printed(ask("--input_text", FIRST, "--streaming", "--streaming_interval", "2"))
    outputs = [re.fullmatch(r'Output \[Text 0 Beam 0\]: "(.*)"', line)[1] for line in lines[1::2]]
    steps = [1, 3, 5, 6]
    assert outputs == [words(expected[FIRST][:count]) for count in steps]


def test_a_text_is_cut_at_its_end_and_token_ids_of_a_file_at_their_beginning(ask, tmp_path) -> None:
    (tmp_path / "ids.csv").write_text("3,14,15,92,65\n7,8\n")
    np.save(tmp_path / "ids.npy", np.array([[3, 14, 15, 92, 65], [7, 8, END, END, END]]))
    (tmp_path / "texts.txt").write_text(f"{FIRST}\n{SECOND}\n")
    cut = ("--max_input_length", "3", "--input_file")
    ends = ['"word15 word92 word65"', '"word7 word8"']
    for file in ("ids.csv", "ids.npy"):
        assert [line.split(": ")[1] for line in printed(ask(*cut, tmp_path / file))[::2]] == ends
    assert printed(ask(*cut, tmp_path / "texts.txt"))[0] == 'Input [Text 0]: "word3 word14 word15"'
    assert printed(ask("--max_input_length", "3", "--input_text", FIRST))[0] == 'Input [Text 0]: "word3 word14 word15"'


def test_files_hold_prompt_and_answer_filled_with_the_end_token_and_then_nothing_is_printed(
    ask, expected, tmp_path
) -> None:
    files = ("--output_csv", tmp_path / "new/ids.csv", "--output_npy", tmp_path / "ids.npy")
    assert printed(ask("--input_text", FIRST, SECOND, *files)) == []
    answers = [[3, 14, 15, 92, 65, *expected[FIRST]], [7, 8, *expected[SECOND]]]
    rows = [row + [END] * (11 - len(row)) for row in answers]
    with (tmp_path / "new/ids.csv").open() as file:
        assert [[int(value) for value in row] for row in csv.reader(file)] == rows
    assert np.load(tmp_path / "ids.npy").tolist() == rows


def test_logits_are_stored_for_an_engine_that_gathers_them_and_refused_for_others(
    ask, batch_engine, engines, tiny_model, run_program, expected, tmp_path
) -> None:
    printed(ask("--input_text", FIRST, SECOND, "--output_logits_npy", tmp_path / "logits.npy"))
    context, generation = (np.load(tmp_path / f"logits_{kind}.npy") for kind in ("context", "generation"))
    assert context.shape == (7, 100) and generation.shape == (2, 1, 6, 100)
    assert generation[0, 0, : len(expected[FIRST])].argmax(axis=1).tolist() == expected[FIRST]
    assert np.array_equal(context[4], generation[0, 0, 0])
    engine = Engine.load(batch_engine)
    np.testing.assert_allclose(context[:5], engine.logits([3, 14, 15, 92, 65]), atol=1e-3)
    flags = ("--tokenizer_dir", tiny_model, "--max_output_len", "6", "--output_logits_npy", tmp_path / "none.npy")
    refused = run_program("run", "--engine_dir", engines["full_prec"], *flags)
    assert refused.returncode == 1 and "this engine gathers no logits" in refused.stderr


def test_log_probabilities_are_those_of_the_logits_and_stand_where_the_tokens_do(
    ask, batch_engine, expected, tmp_path
) -> None:
    files = ("--output_log_probs_npy", tmp_path / "new/each.npy", "--output_cum_log_probs_npy", tmp_path / "sum.npy")
    printed(ask("--input_text", FIRST, SECOND, *files))
    each, sums = np.load(tmp_path / "new/each.npy"), np.load(tmp_path / "sum.npy")
    assert (each.shape, sums.shape) == ((2, 1, 5 + 6), (2, 1))
    engine = Engine.load(batch_engine)
    for row, prompt, answer in zip(each[:, 0], ([3, 14, 15, 92, 65], [7, 8]), expected.values(), strict=True):
        logits = engine.logits(prompt + answer, first=len(prompt) - 1)[: len(answer)].astype(np.float64)
        scores = logits[range(len(answer)), answer] - np.log(np.exp(logits).sum(axis=1))
        places = np.zeros(11)
        places[len(prompt) : len(prompt) + len(answer)] = scores
        np.testing.assert_allclose(row, places, atol=1e-4)
    np.testing.assert_allclose(sums[:, 0], each.sum(axis=(1, 2)), atol=1e-4)
    assert (sums < -0.1).all()


def test_sampling_flags_reach_the_engine(ask) -> None:
    drawing = ("--input_text", FIRST, "--top_k", "0", "--top_p", "1", "--temperature", "9")
    greedy, drawn = ask("--input_text", FIRST), ask(*drawing)
    penalized = [
        ask("--input_text", FIRST, f"--{name}_penalty", "50") for name in ("repetition", "presence", "frequency")
    ]
    assert len({tuple(printed(ended)) for ended in (greedy, drawn, penalized[0])}) == 3
    assert all(printed(ended) != printed(greedy) for ended in penalized)
    assert printed(ask(*drawing)) == printed(drawn)
    # Neither top_k nor top_p given is greedy, as in TensorRT-LLM's runtime.
    assert printed(ask("--input_text", FIRST, "--top_k", "0", "--temperature", "9")) == printed(greedy)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--input_text", "a", "b", "c", "d"], "Input batch size (4) exceeds the engine limit (3)"),
        (["--input_text", " ".join(["word1"] * 40)], "max_input_len is 32"),
        (["--max_output_len", "17"], "max_output_len is 16"),
        (["--input_file", "missing.csv"], "--input_file: missing.csv does not exist"),
        (["--num_beams", "2"], "--num_beams 2"),
        (["--run_profiling"], "--run_profiling"),
        (["--temperature", "0"], "--temperature: expected a finite number above 0, got 0.0"),
        (["--top_p", "nan"], "--top_p: expected 0 to 1, got nan"),
        (["--presence_penalty", "inf"], "--presence_penalty: expected a finite number, got inf"),
        (["--lora_dir", "x"], "--lora_dir"),
        (["--streaming_interval", "0"], "--streaming_interval: expected at least 1"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(ask, flags, named) -> None:
    ended = ask(*flags)
    assert ended.returncode == 1
    assert named in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "content"), [("ids.csv", "1,two"), ("ids.npy", "no array"), ("ids.txt", "")])
def test_an_input_file_that_holds_something_else_is_named(ask, tmp_path, name, content) -> None:
    (tmp_path / name).write_text(content)
    ended = ask("--input_file", tmp_path / name)
    assert ended.returncode == 1
    assert ended.stderr.startswith("run.py: error: --input_file: ") and name in ended.stderr


def test_its_flags_and_defaults_are_those_of_the_release(run_program) -> None:
    contract = json.loads((Path(__file__).parent / "contracts/run.v0.10.0.json").read_text())
    flags = {action.option_strings[0]: action for action in create_parser()._actions if action.dest != "help"}
    assert list(flags) == [entry["options"][0] for entry in contract]
    for entry in contract:
        action = flags[entry["options"][0]]
        assert action.option_strings == entry["options"]
        assert action.default == entry.get("default", False if entry.get("action") == "store_true" else None), entry
        assert (action.choices, action.nargs if action.nargs != 0 else None) == (
            entry.get("choices"),
            entry.get("nargs"),
        )
        assert action.required == entry.get("required", False)
    assert run_program("run").returncode == 2  # --max_output_len is required
