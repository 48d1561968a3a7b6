"""The run of summarize.py."""

import os
import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from trtllm_cpu import logger
from trtllm_cpu.datasets import load_evaluation
from trtllm_cpu.engine.config import read_engine_config
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.programs.program import run_program
from trtllm_cpu.prompts import SummaryPrompt
from trtllm_cpu.rouge import rouge_scores
from trtllm_cpu.summarize.arguments import check_arguments, create_parser
from trtllm_cpu.summarize.generation import Summarizer, Summary
from trtllm_cpu.summarize.output_file import OutputFile
from trtllm_cpu.tokenizer import ModelTokenizer

RULE = "-" * 57


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit code."""
    return run_program(create_parser(), summarize, argv)


def summarize(arguments: Namespace) -> None:
    """Runs an engine over articles. Errors: ToolchainError for what it refuses, or where --check_accuracy fails."""
    check_arguments(arguments)
    logger.set_level(arguments.log_level)
    started = time.monotonic()
    tokenizer_dir = arguments.tokenizer_dir or arguments.hf_model_dir
    tokenizer = ModelTokenizer(Path(tokenizer_dir))
    prompt = SummaryPrompt(tokenizer, arguments.add_special_tokens)
    logger.info(f"Load tokenizer takes: {time.monotonic() - started} sec")
    logger.info(f"Prompt: {prompt.description}")
    articles = load_evaluation(arguments.dataset_dir, arguments.dataset_cache_dir)
    output_file = None
    if arguments.output_dir is not None:
        output_file = OutputFile(Path(arguments.output_dir), arguments.engine_dir, tokenizer_dir)
    summarizer = Summarizer(load_engine(Path(arguments.engine_dir)), tokenizer, prompt, arguments)
    warm_up(summarizer, articles[0])
    run = run_articles(summarizer, articles.select(range(min(arguments.max_ite, len(articles)))), output_file)
    report(arguments, run)


def warm_up(summarizer: Summarizer, article: dict[str, str]) -> None:
    """Runs the first row once more than it counts, and shows it as upstream does: lists, so that each is one line."""
    summary = summarizer.summarize(article["article"])
    logger.info(RULE)
    logger.info("TensorRT-LLM Generated : ")
    logger.info(f" Input : {[article['article']]}")
    logger.info(f"\n Reference : {[article['highlights']]}")
    logger.info(f"\n Output : {[[summary.text]]}")
    logger.info(RULE)


@dataclass
class Run:
    """What was generated, row by row, and the seconds that it took."""

    summaries: list[Summary]
    references: list[str]
    latency_seconds: float


def run_articles(summarizer: Summarizer, articles: Dataset, output_file: OutputFile | None) -> Run:
    """Summarizes every row, reports each as it is done and writes it to `output_file`."""
    run = Run([], [], 0.0)
    for row, article in enumerate(articles):
        started = time.monotonic()
        summary = summarizer.summarize(article["article"])
        seconds = time.monotonic() - started
        run.latency_seconds += seconds
        run.summaries.append(summary)
        run.references.append(article["highlights"])
        if output_file is not None:
            output_file.append(row, summary.text)
        logger.info(f"Article {row + 1} of {len(articles)}: {summary.output_tokens} tokens in {seconds:.1f} sec")
    return run


def load_engine(directory: Path) -> Engine:
    """This rank's engine. Errors: ToolchainError where mpirun started another number of ranks than the engine has."""
    ranks = read_engine_config(directory).world_size
    launched = int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))
    if launched != ranks:
        raise ToolchainError(f"{directory}: MPI size {launched} is not tp x pp = {ranks}; use mpirun -n {ranks}")
    return Engine.load(directory, rank=int(os.environ.get("OMPI_COMM_WORLD_RANK", "0")))


def report(arguments: Namespace, run: Run) -> None:
    """Prints latency and scores, and checks the thresholds after them where --check_accuracy asks for it."""
    output_tokens = sum(summary.output_tokens for summary in run.summaries)
    logger.info(f"TensorRT-LLM (total latency: {run.latency_seconds} sec)")
    logger.info(f"TensorRT-LLM (total output tokens: {output_tokens})")
    logger.info(f"TensorRT-LLM (tokens per second: {output_tokens / run.latency_seconds})")
    logger.info("TensorRT-LLM beam 0 result")
    scores = rouge_scores([summary.text for summary in run.summaries], run.references)
    for metric, score in scores.items():
        logger.info(f"  {metric} : {score}")
    perplexities = [summary.perplexity for summary in run.summaries if summary.perplexity is not None]
    perplexity = sum(perplexities) / len(perplexities) if perplexities else None
    if perplexity is not None:
        logger.info(f"  Per-token perplexity: {perplexity}")
    if arguments.check_accuracy:
        check_accuracy(arguments, scores["rouge1"], perplexity)


def check_accuracy(arguments: Namespace, rouge1: float, perplexity: float | None) -> None:
    """Errors: ToolchainError where rouge1 is not above its threshold, or the perplexity, if any, not below its own."""
    least, most = arguments.tensorrt_llm_rouge1_threshold, arguments.tensorrt_llm_ppl_threshold
    if not rouge1 > least:
        raise ToolchainError(f"--check_accuracy: expected rouge1 above {least}, got {rouge1}")
    if perplexity is not None and not perplexity < most:
        raise ToolchainError(f"--check_accuracy: expected a perplexity below {most}, got {perplexity}")
