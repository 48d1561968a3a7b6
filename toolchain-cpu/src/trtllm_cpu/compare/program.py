"""The run of compare_engines.py."""

import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from trtllm_cpu import logger
from trtllm_cpu.compare.agreement import agreement
from trtllm_cpu.compare.arguments import create_parser
from trtllm_cpu.compare.evaluation_file import Evaluation, read_evaluation
from trtllm_cpu.datasets import load_questions
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.json_file import write_json
from trtllm_cpu.programs.generation_flags import dtype_of_flag
from trtllm_cpu.programs.launch import load_launched_engine
from trtllm_cpu.programs.program import run_program
from trtllm_cpu.prompts import QuestionPrompt, SummaryPrompt
from trtllm_cpu.tokenizer import ModelTokenizer

SCHEMA = "enginesmith/agreement/v1"
FILE = "agreement.json"


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit code."""
    return run_program(create_parser(), compare, argv)


def compare(arguments: Namespace) -> None:
    """Writes agreement.json. Errors: ToolchainError for inputs that do not fit each other."""
    logger.set_level(arguments.log_level)
    if arguments.max_input_length < 1:
        raise ToolchainError(f"--max_input_length: expected at least 1, got {arguments.max_input_length}")
    tokenizer = ModelTokenizer(Path(arguments.tokenizer_dir))
    evaluation = read_evaluation(Path(arguments.texts))
    column, questions = load_questions(arguments.dataset_dir)
    if len(questions) < evaluation.count:
        raise ToolchainError(
            f"--dataset_dir: expected the {evaluation.count} rows of the shard in --texts, found {len(questions)}"
        )
    prompt = QuestionPrompt(tokenizer) if column == "prompt" else SummaryPrompt(tokenizer)
    logger.info(f"Prompt: {prompt.description}")
    candidate = load_launched_engine(Path(arguments.engine_dir), exactly=False)
    baseline = load_baseline(arguments, candidate)
    if baseline.config.vocab_size != candidate.config.vocab_size:
        raise ToolchainError(
            f"--engine_dir: its vocabulary has {candidate.config.vocab_size} tokens, the baseline's "
            f"{baseline.config.vocab_size}; compare engines of one model"
        )
    longest = min(engine.config.max_sequence_len for engine in (candidate, baseline))
    articles = []
    for row, text_ids in texts(tokenizer, evaluation):
        started = time.monotonic()
        prompt_ids = prompt.encode(questions[row - evaluation.first_row], arguments.max_input_length)
        # A text is not always encoded as it was generated, and may come out longer than the engines take.
        room = longest - len(prompt_ids)
        if room < 1:
            raise ToolchainError(
                f"--max_input_length: the prompt of row {row} has {len(prompt_ids)} tokens and leaves no room for a "
                f"text in engines built for {longest}; give at most {longest - 1}"
            )
        found = agreement(baseline, candidate, prompt_ids, text_ids[:room])
        articles.append(found.to_json(row))
        logger.info(
            f"Article {row - evaluation.first_row + 1} of {evaluation.count}: {found.tokens} tokens in "
            f"{time.monotonic() - started:.1f} sec, KL {found.divergence:.4f}, top-1 {found.top1:.3f}"
        )
    shard = {"from": evaluation.first_row, "count": evaluation.count}
    output = Path(arguments.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / FILE, {"schema": SCHEMA, "shard": shard, "articles": articles})


def load_baseline(arguments: Namespace, candidate: Engine) -> Engine:
    """The baseline's engine, or its Hugging Face model for sequences as long as the candidate's."""
    if arguments.baseline_engine_dir is not None:
        return load_launched_engine(Path(arguments.baseline_engine_dir), exactly=False)
    model = HubModel(Path(arguments.baseline_hf_model_dir))
    limits = candidate.config
    return Engine.of_model(model, limits.max_input_len, limits.max_output_len, dtype_of_flag(arguments.hf_data_type))


def texts(tokenizer: ModelTokenizer, evaluation: Evaluation) -> Iterator[tuple[int, list[int]]]:
    """Row and token ids of each text that is not empty, by row."""
    for row, text in sorted(evaluation.texts.items()):
        text_ids = tokenizer.encode(text, add_special_tokens=False)
        if text.strip() and text_ids:
            yield row, text_ids
