"""Generates and measures the summary of one article."""

from argparse import Namespace
from dataclasses import dataclass

import numpy as np

from trtllm_cpu.engine.runtime import Engine, Sampling
from trtllm_cpu.prompts import SummaryPrompt
from trtllm_cpu.tokenizer import ModelTokenizer


@dataclass(frozen=True)
class Summary:
    """A generated text; `perplexity` is per token of prompt and text, where it was asked for."""

    text: str
    output_tokens: int
    perplexity: float | None


class Summarizer:
    """An engine with the tokenizer, prompt and limits of one run."""

    def __init__(self, engine: Engine, tokenizer: ModelTokenizer, prompt: SummaryPrompt, arguments: Namespace):
        self._engine = engine
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._arguments = arguments
        self._sampling = sampling(arguments)

    def summarize(self, article: str) -> Summary:
        """The summary of `article`. Errors: ToolchainError where prompt or output are longer than the engine's."""
        prompt_ids = self._prompt.encode(article, self._arguments.max_input_length)
        end_id = self._tokenizer.end_id
        output_ids = list(self._engine.start(prompt_ids, self._arguments.output_len, end_id, self._sampling))
        perplexity = None
        if self._arguments.eval_ppl:
            token_ids = prompt_ids + output_ids
            perplexity = token_perplexity(self._engine.logits(token_ids), token_ids)
        return Summary(self._tokenizer.decode(output_ids), len(output_ids), perplexity)


def sampling(arguments: Namespace) -> Sampling:
    """The engine's sampling for the flags; a --top_p of 0, the default, is no limit, as in TensorRT-LLM's runtime."""
    return Sampling(
        top_k=arguments.top_k,
        top_p=arguments.top_p or 1.0,
        temperature=arguments.temperature,
        repetition_penalty=arguments.repetition_penalty,
    )


def token_perplexity(logits: np.ndarray, token_ids: list[int]) -> float:
    """exp of the mean negative log likelihood of every token but the first; `logits` is [tokens, vocabulary]."""
    predictions = logits[:-1].astype(np.float64)
    highest = predictions.max(axis=1)
    log_sums = highest + np.log(np.exp(predictions - highest[:, None]).sum(axis=1))
    chosen = predictions[np.arange(len(predictions)), token_ids[1:]]
    return float(np.exp((log_sums - chosen).mean()))
