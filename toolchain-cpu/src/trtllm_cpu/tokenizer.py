"""A model's tokenizer together with what its JSON files say about it: end and padding tokens, chat template."""

from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.json_file import read_json

SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


class ModelTokenizer:
    """The tokenizer.json of a Hugging Face model directory and the settings beside it."""

    def __init__(self, directory: Path):
        """Errors: ToolchainError where there is no tokenizer.json or a JSON file is broken."""
        self.directory = directory
        path = directory / "tokenizer.json"
        if not path.is_file():
            raise ToolchainError(f"{path} is missing; only models whose tokenizer is a tokenizer.json are supported")
        self._tokenizer = Tokenizer.from_file(str(path))
        # Lengths are the caller's business: a file may carry the truncation of somebody's training run.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._settings = _read_json(directory / "special_tokens_map.json") | _read_json(
            directory / "tokenizer_config.json"
        )

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """Token ids of `text`; special tokens that are spelled out in it are recognized."""
        return self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids

    def decode(self, token_ids: list[int], skip_special_tokens: bool = True) -> str:
        """The text of `token_ids`, which need not be a whole word or character."""
        return self._tokenizer.decode(token_ids, skip_special_tokens=skip_special_tokens)

    @cached_property
    def special_tokens(self) -> dict[str, str]:
        """Text of the special tokens by their Hugging Face name, e.g. eos_token; only those that are set."""
        tokens = {name: self._settings.get(name) for name in SPECIAL_TOKENS}
        # A token is written as its text, or as an object with the text as `content`.
        texts = {name: token["content"] if isinstance(token, dict) else token for name, token in tokens.items()}
        return {name: text for name, text in texts.items() if text is not None}

    @property
    def class_name(self) -> str:
        """The class of transformers that the files name, as which it is known elsewhere."""
        return self._settings.get("tokenizer_class", "PreTrainedTokenizerFast")

    def vocabulary_size(self, with_added_tokens: bool = True) -> int:
        """How many tokens there are; without the added ones it is what Hugging Face calls the vocabulary's size."""
        return self._tokenizer.get_vocab_size(with_added_tokens)

    @cached_property
    def end_id(self) -> int:
        """The token that ends an answer. Errors: ToolchainError where no file names one."""
        end_id = self._token_id("eos_token")
        if end_id is not None:
            return end_id
        for name in ("generation_config.json", "config.json"):
            configured = _read_json(self.directory / name).get("eos_token_id")
            # Several end tokens may be given; a request carries one, and the first is the main one.
            first = configured[0] if isinstance(configured, list) and configured else configured
            if isinstance(first, int):
                return first
        raise ToolchainError(f"{self.directory}: no JSON file names eos_token or eos_token_id; add it to the model")

    @cached_property
    def pad_id(self) -> int:
        """The padding token, or the end token where there is none."""
        pad_id = self._token_id("pad_token")
        return self.end_id if pad_id is None else pad_id

    @cached_property
    def chat_template(self) -> str | None:
        """The Jinja chat template, from chat_template.jinja or tokenizer_config.json; of several the default one."""
        file = self.directory / "chat_template.jinja"
        if file.is_file():
            return file.read_text(encoding="utf-8")
        template = self._settings.get("chat_template")
        if isinstance(template, list):
            template = {entry["name"]: entry["template"] for entry in template}.get("default")
        return template

    def _token_id(self, name: str) -> int | None:
        text = self.special_tokens.get(name)
        return None if text is None else self._tokenizer.token_to_id(text)


def _read_json(path: Path) -> dict:
    """A JSON object, or an empty one where the file is missing: each of these files is optional."""
    return read_json(path, "download the model again") if path.is_file() else {}
