"""The prompts that ask a model: for a summary, or what a dataset asks."""

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.tokenizer import ModelTokenizer

ARTICLE_MARK = "\ue000article\ue000"
# Small models copy the request's wording less and the article more when the request comes last.
REQUEST = f"Article:\n{ARTICLE_MARK}\n\nSummary in two to three sentences:"
# TensorRT-LLM's prompt for models of the Llama family: the article and this.
COMPLETION_SUFFIX = " TL;DR: "


class SummaryPrompt:
    """Asks with the tokenizer's chat template where it has one, else with TensorRT-LLM's Llama prompt.

    An instruction-tuned small model hardly answers the Llama prompt, and then there is no quality to compare.
    """

    def __init__(self, tokenizer: ModelTokenizer, add_special_tokens: bool = True):
        """Errors: ToolchainError where the chat template does not render."""
        self._tokenizer = tokenizer
        self._add_special_tokens = add_special_tokens
        self._frame: tuple[str, ...] | None = None
        if tokenizer.chat_template is not None:
            parts = render_chat(tokenizer, REQUEST).split(ARTICLE_MARK)
            if len(parts) != 2:
                raise ToolchainError(f"{tokenizer.directory}: the chat template must show the user's message once")
            self._frame = tuple(parts)

    @property
    def description(self) -> str:
        """Which of the two it is, for the log."""
        return "Llama prompt (article and TL;DR)" if self._frame is None else "the tokenizer's chat template"

    def encode(self, article: str, max_tokens: int) -> list[int]:
        """The prompt's token ids, at most `max_tokens`.

        The Llama prompt is cut at its end, as upstream does. In a chat the article is cut, so that the request stays
        whole. Errors: ToolchainError where `max_tokens` leaves no room for the article.
        """
        text = article.strip().replace(" n't", "n't")
        if self._frame is None:
            return self._tokenizer.encode((text + COMPLETION_SUFFIX).strip(), self._add_special_tokens)[:max_tokens]
        before, after = self._frame
        whole = self._tokenizer.encode(before + text + after, add_special_tokens=False)
        if len(whole) <= max_tokens:
            return whole
        head = self._tokenizer.encode(before, add_special_tokens=False)
        tail = self._tokenizer.encode(after, add_special_tokens=False)
        room = max_tokens - len(head) - len(tail)
        if room <= 0:
            least = len(head) + len(tail) + 1
            raise ToolchainError(f"--max_input_length: the chat template needs at least {least}, got {max_tokens}")
        return head + self._tokenizer.encode(text, add_special_tokens=False)[:room] + tail


class QuestionPrompt:
    """Asks a prompt as it is, through the tokenizer's chat template where it has one."""

    def __init__(self, tokenizer: ModelTokenizer):
        self._tokenizer = tokenizer

    @property
    def description(self) -> str:
        """How it asks, for the log."""
        return "as it is" if self._tokenizer.chat_template is None else "the tokenizer's chat template"

    def encode(self, question: str, max_tokens: int) -> list[int]:
        """The prompt's token ids, cut at their end to `max_tokens`, as run.py does with a text that it is given.

        No special tokens are added beside those that the template spells out.
        Errors: ToolchainError where the template does not render.
        """
        text = question if self._tokenizer.chat_template is None else render_chat(self._tokenizer, question)
        return self._tokenizer.encode(text, add_special_tokens=False)[:max_tokens]


def render_chat(tokenizer: ModelTokenizer, request: str) -> str:
    """The text of a chat with one user message, ready for the answer, by the tokenizer's template.

    Errors: ToolchainError where the template does not render; it runs in a sandbox, since it comes with the model.
    """
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = _raise_template_error
    messages = [{"role": "user", "content": request}]
    try:
        template = environment.from_string(tokenizer.chat_template or "")
        return template.render(messages=messages, add_generation_prompt=True, **tokenizer.special_tokens)
    except TemplateError as error:
        raise ToolchainError(f"{tokenizer.directory}: the chat template does not render: {error}") from error


def _raise_template_error(message: str) -> None:
    raise TemplateError(message)
