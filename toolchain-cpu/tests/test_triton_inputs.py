"""What each sampling input of the served models does, asked over gRPC and compared with the engine itself."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from generated import generated
from triton_requests import generate, text, text_of
from triton_server import Server, fill_templates

from trtllm_cpu.engine.runtime import Engine, Sampling
from trtllm_cpu.tokenizer import ModelTokenizer
from trtllm_cpu.triton.client import ServerError

MODELS = ["ensemble", "tensorrt_llm_bls"]
PROMPT = "Once upon"
DRAWN = {"top_k": 0, "top_p": 1.0, "temperature": 3.0}
"""Inputs that make an answer depend on random_seed."""


@pytest.fixture(scope="module")
def engine(served) -> Engine:
    return Engine.load(served[2])


@pytest.fixture(scope="module")
def tokenizer(served) -> ModelTokenizer:
    return ModelTokenizer(served[1])


@pytest.fixture(scope="module")
def server(served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A decoupled server that leaves the prompt in what is not streamed, and the log probabilities as they are."""
    (root, model, engine), work = served, tmp_path_factory.mktemp("inputs")
    parameters = "exclude_input_in_output:False,normalize_log_probs:False"
    fill_templates(root, work / "repository", model, engine, decoupled=True, generation=parameters)
    server = Server(root, work / "repository", work / "triton.log")
    yield server
    server.kill()


def answer(server: Server, model: str, prompt: str = PROMPT, max_tokens: int = 24, **inputs: object) -> str:
    """What follows the prompt in an answer that is not streamed, which holds it."""
    whole = text(server, model, text_input=prompt, max_tokens=max_tokens, **inputs)
    assert whole.startswith(prompt)
    return whole.removeprefix(prompt)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("inputs", "sampling"),
    [
        ({"top_k": 5, "random_seed": 3}, {"top_k": 5, "seed": 3}),
        ({"top_k": 5, "top_p": 0.4, "random_seed": 3}, {"top_k": 5, "top_p": 0.4, "seed": 3}),
        ({"top_p": 0.75, "random_seed": 2**31 - 1}, {"top_k": 0, "top_p": 0.75, "seed": 2**31 - 1}),
        ({**DRAWN, "random_seed": 2}, {**DRAWN, "seed": 2}),
        ({"repetition_penalty": 1.5}, {"repetition_penalty": 1.5}),
        ({"presence_penalty": 1.5}, {"presence_penalty": 1.5}),
        ({"frequency_penalty": 0.75}, {"frequency_penalty": 0.75}),
        ({"embedding_bias_words": ["g", "U"], "embedding_bias_weights": [1.5, -9.0]}, {"bias": {"g": 1.5, "U": -9.0}}),
        ({"stop_words": ["3", "s2"]}, {"stop_words": ["3", "s2"]}),
        ({"bad_words": ["3", "g"]}, {"bad_words": ["3", "g"]}),
        ({"beam_width": 1, "length_penalty": 2.0, "pad_id": 7}, {}),
    ],
)
def test_an_input_reaches_the_engine_and_changes_the_answer_as_it_should(
    server: Server, engine: Engine, tokenizer: ModelTokenizer, model: str, inputs: dict, sampling: dict
) -> None:
    encoded = dict(sampling)
    for words in ("stop_words", "bad_words"):
        encoded[words] = [tokenizer.encode(word) for word in sampling.get(words, [])]
    encoded["bias"] = {tokenizer.encode(word)[0]: weight for word, weight in sampling.get("bias", {}).items()}
    prompt_ids = tokenizer.encode(PROMPT)
    expected = tokenizer.decode(generated(engine, prompt_ids, 24, tokenizer.end_id, Sampling(**encoded)))
    plain = tokenizer.decode(generated(engine, prompt_ids, 24, tokenizer.end_id))
    assert (expected == plain) == (not sampling)
    assert answer(server, model, **inputs) == expected


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "narrowed", [{"top_k": 1}, {"top_p": 1e-6}, {"top_k": 5, "top_p": 1e-6}, {"temperature": 1e-4, "top_p": 1.0}]
)
def test_sampling_that_is_narrowed_down_to_one_token_is_greedy(server: Server, model: str, narrowed: dict) -> None:
    assert answer(server, model, random_seed=5, **narrowed) == answer(server, model)


@pytest.mark.parametrize("model", MODELS)
def test_a_stop_word_cuts_the_answer_and_is_its_end(server: Server, model: str) -> None:
    free = answer(server, model)
    assert answer(server, model, stop_words=["never", "s2L"]) == free[: free.index("s2L")] + "s2L"


@pytest.mark.parametrize("model", MODELS)
def test_a_bad_word_never_appears(server: Server, model: str) -> None:
    free = answer(server, model, max_tokens=48)
    letters = sorted({character for character in free if character.isascii() and character.isprintable()})
    rest = answer(server, model, max_tokens=48, bad_words=letters[:6])
    assert not set(letters[:6]) & set(rest)
    assert len(rest) > 0


@pytest.mark.parametrize("model", MODELS)
def test_an_end_id_ends_the_answer_and_min_length_puts_it_off(
    server: Server, engine: Engine, tokenizer: ModelTokenizer, model: str
) -> None:
    tokens = generated(engine, tokenizer.encode(PROMPT), 24)
    assert answer(server, model, end_id=tokens[6]) == tokenizer.decode(tokens[:6])
    assert answer(server, model, end_id=tokens[0]) == ""
    longer = answer(server, model, end_id=tokens[0], min_length=9)
    assert tokenizer.encode(longer) != []
    sampling = Sampling(min_length=9)
    expected = generated(engine, tokenizer.encode(PROMPT), 24, tokens[0], sampling)
    assert 9 <= len(expected) <= 24
    assert longer == tokenizer.decode(expected)


@pytest.mark.parametrize("model", MODELS)
def test_the_seed_alone_decides_what_is_drawn_whatever_else_is_generated(server: Server, model: str) -> None:
    alone = [answer(server, model, **DRAWN, random_seed=seed) for seed in (1, 2)]
    assert alone[0] != alone[1]
    found: dict[int, str] = {}
    start = threading.Barrier(4, timeout=60)

    def ask(index: int) -> None:
        start.wait()
        others = {"top_k": index + 1, "temperature": 2.0} if index > 1 else {}
        found[index] = answer(server, model, **(DRAWN | others), random_seed=index + 1)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [found[0], found[1]] == alone


def log_probabilities(engine: Engine, prompt_ids: list[int], answer_ids: list[int], temperature: float) -> np.ndarray:
    """Of each token of the answer, from the engine's logits of the whole text."""
    logits = engine.logits(prompt_ids + answer_ids, first=len(prompt_ids) - 1)[:-1].astype(np.float64)
    logits /= temperature
    return logits[range(len(answer_ids)), answer_ids] - np.log(np.exp(logits).sum(axis=1))


@pytest.mark.parametrize("streaming", [False, True])
def test_log_probabilities_equal_those_of_the_engines_logits(
    server: Server, engine: Engine, tokenizer: ModelTokenizer, streaming: bool
) -> None:
    prompt_ids = tokenizer.encode(PROMPT)
    lengths = {"input_lengths": len(prompt_ids), "request_output_len": 12}
    sampling = {"runtime_top_k": 4, "temperature": 2.0, "random_seed": 8, "return_log_probs": True}
    responses = generate(server, "tensorrt_llm", input_ids=prompt_ids, streaming=streaming, **lengths, **sampling)
    tokens = np.concatenate([response["output_ids"][0, 0] for response in responses]).tolist()
    answer_ids = tokens if streaming else tokens[len(prompt_ids) :]
    assert len(answer_ids) == 12
    # Upstream's benchmark_core_model.py takes the first output for the tokens.
    assert next(iter(responses[0])) == "output_ids"
    expected = log_probabilities(engine, prompt_ids, answer_ids, temperature=2.0)
    # A stream's responses hold those of all tokens so far, as upstream's do.
    counts = range(1, 13) if streaming else [12]
    for count, response in zip(counts, responses, strict=True):
        np.testing.assert_allclose(response["output_log_probs"], [[expected[:count]]], atol=1e-3)
        np.testing.assert_allclose(response["cum_log_probs"], [[expected[:count].sum()]], atol=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_log_probabilities_come_through_the_pipeline_where_they_are_asked_for(
    server: Server, engine: Engine, tokenizer: ModelTokenizer, model: str
) -> None:
    prompt_ids = tokenizer.encode(PROMPT)
    expected = log_probabilities(engine, prompt_ids, generated(engine, prompt_ids, 12), temperature=1.0)
    [scored] = generate(server, model, text_input=PROMPT, max_tokens=12, return_log_probs=True)
    np.testing.assert_allclose(scored["output_log_probs"], [[expected]], atol=1e-3)
    np.testing.assert_allclose(scored["cum_log_probs"], [[expected.sum()]], atol=1e-3)
    [unscored] = generate(server, model, text_input=PROMPT, max_tokens=12)
    assert unscored["output_log_probs"].tolist() == [[[0.0]]]


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_holds_no_prompt_and_its_last_response_is_the_last_token(server: Server, model: str) -> None:
    asked = {"text_input": PROMPT, "max_tokens": 7, "stop_words": ["\x01"]}
    assert len(generate(server, model, stream=True, **asked)) == 7
    first, *_ = generate(server, model, stream=True, **asked)
    assert not text_of(first).startswith(PROMPT)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"beam_width": 2}, "beam_width: the CPU toolchain generates one beam, expected 1, got 2"),
        ({"return_context_logits": True}, "return_context_logits: not supported"),
        ({"return_generation_logits": True}, "return_generation_logits: not supported"),
        ({"prompt_embedding_table": np.zeros((1, 2, 96), np.float16)}, "prompt_embedding_table: not supported"),
        ({"prompt_vocab_size": 4}, "prompt_vocab_size: not supported"),
        ({"max_tokens": -1}, "max_tokens: expected at least 1, got -1"),
        ({"top_k": -1}, "top_k: expected 0 or more, got -1"),
        ({"top_p": 1.5}, "top_p: expected 0 to 1, got 1.5"),
        ({"top_p": float("nan")}, "top_p: expected 0 to 1, got nan"),
        ({"temperature": 0.0}, "temperature: expected a finite number above 0, got 0.0"),
        ({"temperature": -1.0}, "temperature: expected a finite number above 0, got -1.0"),
        ({"repetition_penalty": 0.0}, "repetition_penalty: expected a finite number above 0, got 0.0"),
        ({"presence_penalty": float("inf")}, "presence_penalty: expected a finite number, got inf"),
        ({"frequency_penalty": float("nan")}, "frequency_penalty: expected a finite number, got nan"),
        ({"min_length": -1}, "min_length: expected 0 or more, got -1"),
        ({"embedding_bias_words": ["a"]}, "embedding_bias_weights: expected one for each of the 1"),
        (
            {"embedding_bias_words": ["a"], "embedding_bias_weights": [float("inf")]},
            "embedding_bias_weights: expected finite numbers",
        ),
        ({"text_input": ["a", "b"]}, "text_input"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name_and_the_model_lives_on(
    server: Server, model: str, inputs: dict, message: str
) -> None:
    with pytest.raises(ServerError, match=message):
        generate(server, model, **({"text_input": PROMPT, "max_tokens": 4} | inputs))
    assert len(answer(server, model, max_tokens=4)) > 0


def test_draft_models_are_refused_by_name(server: Server) -> None:
    for inputs in ({"num_draft_tokens": 2}, {"use_draft_logits": True}):
        with pytest.raises(ServerError, match=f"{next(iter(inputs))}: the CPU toolchain has no draft models"):
            generate(server, "tensorrt_llm_bls", text_input=PROMPT, max_tokens=4, **inputs)
