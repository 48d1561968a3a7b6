"""Models that know nothing of this toolchain, in place of its own: what upstream's repository is served with."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolchain import CHECKOUT
from triton_requests import generate, text_of
from triton_server import Server, fill_templates

from trtllm_cpu.triton.client import ServerError

PROGRAM = CHECKOUT / "serve_upstream_repository.py"
PLAIN_MODELS = Path(__file__).parent / "plain_models"
MODELS = ["ensemble", "tensorrt_llm_bls"]
ASKED = {"text_input": "Wie geht's? 你好", "max_tokens": 24}


@pytest.fixture(scope="module")
def checkout(served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout laid out as tensorrtllm_backend's is, whose tensorrt_llm cannot run here either."""
    directory = tmp_path_factory.mktemp("tensorrtllm_backend")
    models = directory / "all_models/inflight_batcher_llm"
    shutil.copytree(served[0].path / "opt/ensemble_models/llama_ifb", models)
    shutil.copytree(PLAIN_MODELS, models, dirs_exist_ok=True)
    (models / "tensorrt_llm/1/model.py").write_text("import tensorrt_llm.bindings\n")
    return directory


@pytest.fixture(scope="module")
def plain(served, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The checkout, served by the program."""
    (root, model, engine), work = served, tmp_path_factory.mktemp("plain")
    directories = {"checkout": checkout, "root": root.path, "engine_dir": engine, "tokenizer_dir": model}
    flags = [f"--{name}={path}" for name, path in directories.items()]
    program = [sys.executable, PROGRAM, *flags, "--max_batch_size=4"]
    server = Server(root, work / "repository", work / "triton.log", program)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def ours(served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    work = tmp_path_factory.mktemp("ours")
    root, model, engine = served
    fill_templates(root, work / "repository", model, engine, decoupled=True)
    server = Server(root, work / "repository", work / "triton.log")
    yield server
    server.kill()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "inputs",
    [
        {"stream": False},
        {"stream": True},
        {"stop_words": ["e", "never"], "bad_words": [""], "stream": True},
        {"bad_words": ["a", "b", "c d"], "stop_words": [""]},
        {"end_id": 3, "top_k": 50, "temperature": 3.0, "random_seed": 4},
    ],
)
def test_their_answers_are_those_of_this_toolchains_models(
    plain: Server, ours: Server, model: str, inputs: dict
) -> None:
    found = [text_of(response) for response in generate(plain, model, **(ASKED | inputs))]
    assert found == [text_of(response) for response in generate(ours, model, **(ASKED | inputs))]
    assert len(found[-1]) > 0


def test_log_probabilities_pass_through_them(plain: Server, ours: Server) -> None:
    [found], [expected] = (generate(server, "ensemble", **ASKED, return_log_probs=True) for server in (plain, ours))
    assert found["cum_log_probs"] == expected["cum_log_probs"] < 0
    assert found["output_log_probs"].shape == expected["output_log_probs"].shape == (1, 1, 24)


@pytest.mark.parametrize("model", MODELS)
def test_what_the_engine_refuses_comes_back_through_them_as_an_error(plain: Server, model: str) -> None:
    with pytest.raises(ServerError, match="request_output_len: 16385 exceeds the engine's max_output_len 16384"):
        generate(plain, model, **(ASKED | {"max_tokens": 16385}))
    assert generate(plain, model, **ASKED) != []


def test_a_wrong_checkout_and_a_filled_repository_are_named(served, checkout: Path, tmp_path: Path) -> None:
    flags = [f"--root={served[0].path}", f"--engine_dir={served[2]}", f"--tokenizer_dir={served[1]}"]

    def refusal(checkout: Path, repository: Path) -> str:
        command = [sys.executable, PROGRAM, *flags, f"--checkout={checkout}", f"--model_repo={repository}"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 2
        return ended.stderr

    assert f"{tmp_path} has no all_models/inflight_batcher_llm" in refusal(tmp_path, tmp_path / "new")
    assert f"--model_repo: {tmp_path} exists" in refusal(checkout, tmp_path)
