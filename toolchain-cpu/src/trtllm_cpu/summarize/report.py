"""What summarize.py prints of a side when all is generated, and --check_accuracy."""

from argparse import Namespace

from trtllm_cpu import logger
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.rouge import rouge_scores
from trtllm_cpu.summarize.generation import Run
from trtllm_cpu.summarize.side import Side


def report(side: Side, run: Run) -> tuple[float, float | None]:
    """Prints latency and scores; returns rouge1 and the mean perplexity, where it was asked for."""
    output_tokens = sum(summary.output_tokens for summary in run.summaries)
    logger.info(f"{side.runtime} (total latency: {run.latency_seconds} sec)")
    logger.info(f"{side.runtime} (total output tokens: {output_tokens})")
    logger.info(f"{side.runtime} (tokens per second: {output_tokens / run.latency_seconds})")
    logger.info(f"{side.name} beam 0 result")
    scores = rouge_scores([summary.text for summary in run.summaries], run.references)
    for metric, score in scores.items():
        logger.info(f"  {metric} : {score}")
    perplexities = [summary.perplexity for summary in run.summaries if summary.perplexity is not None]
    perplexity = sum(perplexities) / len(perplexities) if perplexities else None
    if perplexity is not None:
        logger.info(f"  Per-token perplexity: {perplexity}")
    return scores["rouge1"], perplexity


def check_accuracy(arguments: Namespace, rouge1: float, perplexity: float | None) -> None:
    """Errors: ToolchainError where rouge1 is not above its threshold, or the perplexity, if any, not below its own."""
    least, most = arguments.tensorrt_llm_rouge1_threshold, arguments.tensorrt_llm_ppl_threshold
    if not rouge1 > least:
        raise ToolchainError(f"--check_accuracy: expected rouge1 above {least}, got {rouge1}")
    if perplexity is not None and not perplexity < most:
        raise ToolchainError(f"--check_accuracy: expected a perplexity below {most}, got {perplexity}")
