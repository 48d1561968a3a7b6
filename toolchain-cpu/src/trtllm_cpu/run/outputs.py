"""What run.py makes of answers: lines on stdout, or files of token ids and logits."""

import csv
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.tokenizer import ModelTokenizer


@dataclass
class Answer:
    """An input and what was generated after it, so far; the token that ended it is not kept."""

    input_ids: list[int]
    output_ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    """Of each output token within the whole vocabulary, where they are asked for."""


def put_out(arguments: Namespace, tokenizer: ModelTokenizer, answers: list[Answer]) -> None:
    """Prints the texts, special tokens included, or writes the token ids where a flag names a file for them."""
    if arguments.output_csv is None and arguments.output_npy is None:
        for index, answer in enumerate(answers):
            print(f'Input [Text {index}]: "{_text(tokenizer, answer.input_ids)}"')
            print(f'Output [Text {index} Beam 0]: "{_text(tokenizer, answer.output_ids)}"')
        return
    rows = np.full((len(answers), _positions(arguments, answers)), tokenizer.end_id, np.int32)
    for row, answer in zip(rows, answers, strict=True):
        token_ids = answer.input_ids + answer.output_ids
        row[: len(token_ids)] = token_ids
    if arguments.output_csv is not None:
        path = Path(arguments.output_csv)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows.tolist())
    if arguments.output_npy is not None:
        _save(Path(arguments.output_npy), rows)


def check_logits(engine: Engine) -> None:
    """Errors: ToolchainError where the engine was built to gather none; v0.10 then writes no file and says nothing."""
    if not (engine.config.gather_context_logits or engine.config.gather_generation_logits):
        raise ToolchainError(
            "--output_logits_npy: this engine gathers no logits; build it with --gather_context_logits, "
            "--gather_generation_logits or --gather_all_token_logits"
        )


def save_logits(arguments: Namespace, engine: Engine, answers: list[Answer]) -> None:
    """Writes NAME_context.npy [tokens of all inputs, vocab] and NAME_generation.npy [inputs, 1, most tokens, vocab].

    Each where the engine was built to gather them, float32; zeros follow where an answer ended. They are the logits of
    the finished texts, taken in one pass.
    """
    base = arguments.output_logits_npy.split(".npy")[0]
    generation = np.zeros((len(answers), 1, arguments.max_output_len, engine.config.vocab_size), np.float32)
    context = []
    for index, answer in enumerate(answers):
        last = len(answer.input_ids) - 1
        logits = engine.logits((answer.input_ids + answer.output_ids)[: last + arguments.max_output_len])
        context.append(logits[: last + 1])
        generation[index, 0, : len(logits) - last] = logits[last:]
    if engine.config.gather_context_logits:
        _save(Path(f"{base}_context.npy"), np.concatenate(context))
    if engine.config.gather_generation_logits:
        _save(Path(f"{base}_generation.npy"), generation)


def save_log_probabilities(arguments: Namespace, answers: list[Answer]) -> None:
    """Writes --output_log_probs_npy [inputs, 1, positions] and --output_cum_log_probs_npy [inputs, 1], float32.

    Positions are those of --output_npy; where nothing was generated they hold 0.
    """
    if arguments.output_log_probs_npy is not None:
        rows = np.zeros((len(answers), 1, _positions(arguments, answers)), np.float32)
        for row, answer in zip(rows, answers, strict=True):
            first = len(answer.input_ids)
            row[0, first : first + len(answer.output_ids)] = answer.log_probabilities
        _save(Path(arguments.output_log_probs_npy), rows)
    if arguments.output_cum_log_probs_npy is not None:
        sums = [[sum(answer.log_probabilities)] for answer in answers]
        _save(Path(arguments.output_cum_log_probs_npy), np.array(sums, np.float32))


def _positions(arguments: Namespace, answers: list[Answer]) -> int:
    """How many tokens a row has room for: the longest input and the most new ones."""
    return max(len(answer.input_ids) for answer in answers) + arguments.max_output_len


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def _text(tokenizer: ModelTokenizer, token_ids: list[int]) -> str:
    return tokenizer.decode(token_ids, skip_special_tokens=False)
