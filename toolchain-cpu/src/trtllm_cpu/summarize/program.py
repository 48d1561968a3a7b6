"""The run of summarize.py: one side after the other, then the reports of both."""

import time
from argparse import Namespace
from pathlib import Path

from datasets import Dataset

from trtllm_cpu import logger
from trtllm_cpu.datasets import load_evaluation
from trtllm_cpu.programs.launch import launched_rank
from trtllm_cpu.programs.program import run_program
from trtllm_cpu.prompts import SummaryPrompt
from trtllm_cpu.summarize.arguments import check_arguments, create_parser
from trtllm_cpu.summarize.generation import Run, Summarizer
from trtllm_cpu.summarize.output_file import OutputFile
from trtllm_cpu.summarize.report import check_accuracy, report
from trtllm_cpu.summarize.side import Side, engine_side, model_side
from trtllm_cpu.tokenizer import ModelTokenizer

RULE = "-" * 57


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit code."""
    return run_program(create_parser(), summarize, argv)


def summarize(arguments: Namespace) -> None:
    """Asks engine, model or both. Errors: ToolchainError for what it refuses, or where --check_accuracy fails."""
    check_arguments(arguments)
    logger.set_level(arguments.log_level)
    started = time.monotonic()
    arguments.tokenizer_dir = arguments.tokenizer_dir or arguments.hf_model_dir
    tokenizer = ModelTokenizer(Path(arguments.tokenizer_dir))
    prompt = SummaryPrompt(tokenizer, arguments.add_special_tokens)
    logger.info(f"Load tokenizer takes: {time.monotonic() - started} sec")
    logger.info(f"Prompt: {prompt.description}")
    articles = load_evaluation(arguments.dataset_dir, arguments.dataset_cache_dir)
    engine_run = None
    if arguments.test_trt_llm:
        engine_run = run_side(engine_side(arguments), arguments, tokenizer, prompt, articles)
    model_run = None
    if arguments.test_hf and launched_rank() == 0:
        model_run = run_side(model_side(arguments), arguments, tokenizer, prompt, articles)
    if engine_run is not None:
        rouge1, perplexity = report(engine_side(arguments), engine_run)
        if arguments.check_accuracy:
            check_accuracy(arguments, rouge1, perplexity)
    if model_run is not None:
        report(model_side(arguments), model_run)


def run_side(
    side: Side, arguments: Namespace, tokenizer: ModelTokenizer, prompt: SummaryPrompt, articles: Dataset
) -> Run:
    """Loads a side, has it summarize the articles that --max_ite asks for, and frees it."""
    summarizer = Summarizer(side.load(arguments), tokenizer, prompt, arguments)
    output_file = None
    if arguments.output_dir is not None:
        output_file = OutputFile(Path(arguments.output_dir) / side.file, side.source, arguments.tokenizer_dir)
    warm_up(side, summarizer, articles[0])
    return run_articles(summarizer, articles.select(range(min(arguments.max_ite, len(articles)))), output_file)


def warm_up(side: Side, summarizer: Summarizer, article: dict[str, str]) -> None:
    """Runs the first row once more than it counts, and shows it as upstream does: lists, so that each is one line."""
    summary = summarizer.summarize(article["article"])
    logger.info(RULE)
    logger.info(f"{side.name} Generated : ")
    logger.info(f" Input : {[article['article']]}")
    logger.info(f"\n Reference : {[article['highlights']]}")
    logger.info(f"\n Output : {[[summary.text]]}")
    logger.info(RULE)


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
