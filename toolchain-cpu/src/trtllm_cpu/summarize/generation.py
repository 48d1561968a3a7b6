"""Generates and measures the summary of one article."""

from argparse import Namespace
from dataclasses import dataclass

from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.likelihood import token_perplexity
from trtllm_cpu.programs.generation_flags import sampling
from trtllm_cpu.prompts import SummaryPrompt
from trtllm_cpu.tokenizer import ModelTokenizer


@dataclass(frozen=True)
class Summary:
    """A generated text; `perplexity` is per token of prompt and text, where it was asked for."""

    text: str
    output_tokens: int
    perplexity: float | None


@dataclass
class Run:
    """What was generated, row by row, and the seconds that it took."""

    summaries: list[Summary]
    references: list[str]
    latency_seconds: float


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
        choices = self._engine.start(prompt_ids, self._arguments.output_len, end_id, self._sampling)
        output_ids = [choice.token_id for choice in choices]
        perplexity = None
        if self._arguments.eval_ppl:
            # One more pass costs a sixth more time. Logits of the whole prompt on the way would save half of that, but
            # round otherwise, and what is generated must not depend on whether it is measured.
            token_ids = prompt_ids + output_ids
            perplexity = token_perplexity(self._engine.logits(token_ids), token_ids)
        return Summary(self._tokenizer.decode(output_ids), len(output_ids), perplexity)
