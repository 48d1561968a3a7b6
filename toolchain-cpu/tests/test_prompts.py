"""Prompts from a real tokenizer, with and without a chat template."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.prompts import QuestionPrompt, SummaryPrompt, render_chat
from trtllm_cpu.tokenizer import ModelTokenizer

TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def model_tokenizer(directory: Path, **settings: object) -> ModelTokenizer:
    """A tokenizer whose tokens are single characters, so that lengths can be counted by eye."""
    characters = sorted({chr(code) for code in range(32, 127)} | {"\n"})
    vocabulary = {character: index for index, character in enumerate(characters)} | {"[end]": len(characters)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.add_special_tokens(["[end]"])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps({"eos_token": "[end]", **settings}))
    return ModelTokenizer(directory)


def text_of(tokenizer: ModelTokenizer, token_ids: list[int]) -> str:
    return "".join(tokenizer.decode([token], skip_special_tokens=False) for token in token_ids)


def test_a_chat_template_frames_the_request_and_the_article(tmp_path: Path) -> None:
    tokenizer = model_tokenizer(tmp_path, chat_template=TEMPLATE)
    prompt = SummaryPrompt(tokenizer)
    text = text_of(tokenizer, prompt.encode("Rain fell.", 923))
    assert text.startswith("<user>")
    assert "Rain fell." in text
    assert "two to three sentences" in text
    assert text.endswith("[end]<assistant>")
    assert prompt.description == "the tokenizer's chat template"


def test_in_a_chat_only_the_article_is_cut(tmp_path: Path) -> None:
    tokenizer = model_tokenizer(tmp_path, chat_template=TEMPLATE)
    prompt = SummaryPrompt(tokenizer)
    frame = len(prompt.encode("", 923))
    token_ids = prompt.encode("abcdefghij" * 100, frame + 12)
    assert len(token_ids) == frame + 12
    text = text_of(tokenizer, token_ids)
    assert "abcdefghijab" in text
    assert "abcdefghijabc" not in text
    assert text.endswith("[end]<assistant>")


def test_a_length_that_cannot_hold_the_chat_is_refused_by_name(tmp_path: Path) -> None:
    prompt = SummaryPrompt(model_tokenizer(tmp_path, chat_template=TEMPLATE))
    with pytest.raises(ToolchainError, match="--max_input_length: the chat template needs at least"):
        prompt.encode("Rain fell.", 10)


def test_without_a_chat_template_the_llama_prompt_is_cut_at_its_end(tmp_path: Path) -> None:
    tokenizer = model_tokenizer(tmp_path)
    prompt = SummaryPrompt(tokenizer)
    assert text_of(tokenizer, prompt.encode(" It did n't rain.\n", 923)) == "It didn't rain. TL;DR:"
    assert text_of(tokenizer, prompt.encode("It rained.", 13)) == "It rained. TL"
    assert "TL;DR" in prompt.description


def test_the_default_template_of_several_is_taken(tmp_path: Path) -> None:
    templates = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": TEMPLATE}]
    assert model_tokenizer(tmp_path, chat_template=templates).chat_template == TEMPLATE


def test_a_template_file_wins_over_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0]['content'] }}!")
    tokenizer = model_tokenizer(tmp_path, chat_template=TEMPLATE)
    assert render_chat(tokenizer, "Hello") == "Hello!"


@pytest.mark.parametrize("template", ["{% for", "{{ raise_exception('no users') }}", "{{ ''.__class__.__mro__ }}"])
def test_a_template_that_breaks_or_leaves_the_sandbox_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(ToolchainError, match="chat template does not render"):
        render_chat(model_tokenizer(tmp_path, chat_template=template), "Hello")


def test_a_template_that_hides_the_users_message_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="must show the user's message once"):
        SummaryPrompt(model_tokenizer(tmp_path, chat_template="Hello"))


def test_the_end_token_comes_from_the_tokenizers_settings_or_else_from_the_model(tmp_path: Path) -> None:
    assert text_of(model_tokenizer(tmp_path), [model_tokenizer(tmp_path).end_id]) == "[end]"
    assert model_tokenizer(tmp_path, eos_token={"content": "[end]"}).pad_id == model_tokenizer(tmp_path).end_id
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [5, 6]}')
    assert model_tokenizer(tmp_path, eos_token=None).end_id == 5


def test_a_model_without_tokenizer_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"tokenizer\.json is missing"):
        ModelTokenizer(tmp_path)


def test_truncation_and_padding_that_a_file_carries_do_not_count(tmp_path: Path) -> None:
    model_tokenizer(tmp_path)
    carried = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    carried.enable_truncation(4)
    carried.enable_padding(length=9)
    carried.save(str(tmp_path / "tokenizer.json"))
    assert len(ModelTokenizer(tmp_path).encode("Rain fell.")) == len("Rain fell.")


def test_a_model_without_an_end_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="names eos_token"):
        _ = model_tokenizer(tmp_path, eos_token=None).end_id


@pytest.mark.parametrize(
    ("settings", "asked"), [({}, "Why?"), ({"chat_template": TEMPLATE}, "<user>Why?[end]<assistant>")]
)
def test_a_question_goes_through_the_chat_template_where_there_is_one(
    tmp_path: Path, settings: dict[str, str], asked: str
) -> None:
    tokenizer = model_tokenizer(tmp_path, **settings)
    prompt = QuestionPrompt(tokenizer)
    assert text_of(tokenizer, prompt.encode("Why?", 923)) == asked
    assert text_of(tokenizer, prompt.encode("Why?", 3)) == asked[:3]
