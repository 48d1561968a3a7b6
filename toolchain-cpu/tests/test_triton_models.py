"""The logic of the Triton models, apart from Triton."""

import ctypes
import math

import numpy as np
import pytest

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.triton.numpy_abi import FLAGS_OFFSET, check_layout, readable_array
from trtllm_cpu.triton.parameters import ParameterError, Parameters
from trtllm_cpu.triton.requests import Limits, parse_generation_request
from trtllm_cpu.triton.tensors import RequestError
from trtllm_cpu.triton.word_lists import from_word_list, to_word_list

LIMITS = Limits(max_input_len=8, max_output_len=8, max_total_len=12)


def request(**tensors: object) -> dict[str, np.ndarray]:
    given = {"input_ids": [[5, 6, 7, 0]], "input_lengths": [[3]], "request_output_len": [[4]]} | tensors
    return {name: np.array(value) for name, value in given.items()}


def test_a_request_has_the_prompt_without_padding_and_is_greedy_unless_asked_otherwise() -> None:
    parsed = parse_generation_request(request(end_id=[[2]]), LIMITS)
    assert (parsed.prompt_ids, parsed.max_new_tokens, parsed.end_id, parsed.streaming) == ([5, 6, 7], 4, 2, False)
    assert (parsed.sampling.top_k, parsed.sampling.top_p, parsed.sampling.temperature) == (1, 1.0, 1.0)


@pytest.mark.parametrize(
    ("given", "top_k", "top_p"),
    [
        ({"runtime_top_k": [[0]]}, 1, 1.0),
        ({"runtime_top_k": [[5]]}, 5, 1.0),
        ({"runtime_top_p": [[0.5]]}, 0, 0.5),
        ({"runtime_top_k": [[5]], "runtime_top_p": [[0.5]]}, 5, 0.5),
    ],
)
def test_sampling_follows_tensorrt_llms_defaults(given: dict, top_k: int, top_p: float) -> None:
    sampling = parse_generation_request(request(**given), LIMITS).sampling
    assert (sampling.top_k, sampling.top_p) == (top_k, top_p)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"request_output_len": [[9]]}, "request_output_len: 9 exceeds the engine's max_output_len 8"),
        ({"request_output_len": [[0]]}, "request_output_len: expected at least 1, got 0"),
        ({"input_ids": [[1] * 9], "input_lengths": [[9]]}, "input_ids: 9 tokens exceed the engine's max_input_len 8"),
        ({"input_ids": [[1] * 8], "input_lengths": [[8]], "request_output_len": [[5]]}, "exceed the total of 12"),
        ({"input_lengths": [[5]]}, "input_lengths: expected 1 to 4"),
        ({"request_output_len": [[1], [2]]}, "request_output_len: expected one value"),
        ({"beam_width": [[2]]}, "beam_width: the CPU toolchain generates one beam"),
        ({"draft_input_ids": [[1]]}, "draft_input_ids: not supported"),
        ({"lora_task_id": [[1]]}, "lora_task_id: not supported"),
        ({"return_context_logits": [[True]]}, "return_context_logits: not supported"),
        ({"runtime_top_k": [[-1]]}, "runtime_top_k: expected 0 or more, got -1"),
        ({"runtime_top_p": [[1.5]]}, "runtime_top_p: expected 0 to 1, got 1.5"),
        ({"runtime_top_p": [[math.nan]]}, "runtime_top_p: expected 0 to 1, got nan"),
        ({"temperature": [[0.0]]}, "temperature: expected a finite number above 0, got 0.0"),
        ({"temperature": [[math.inf]]}, "temperature: expected a finite number above 0, got inf"),
        ({"repetition_penalty": [[-1.0]]}, "repetition_penalty: expected a finite number above 0"),
        ({"presence_penalty": [[math.nan]]}, "presence_penalty: expected a finite number, got nan"),
        ({"frequency_penalty": [[math.inf]]}, "frequency_penalty: expected a finite number, got inf"),
        ({"min_length": [[-3]]}, "min_length: expected 0 or more, got -3"),
        ({"embedding_bias": [[0.0, math.nan]]}, "embedding_bias: expected finite weights"),
        ({"bad_words_list": [[[-4], [1]]]}, "bad_words_list: expected token ids of 0 or more, got -4"),
        ({"stop_words_list": [[[1, 2], [3, -1]]]}, "stop_words_list: the ends of words must ascend up to 2"),
        ({"stop_words_list": [[1, 2, 3]]}, "stop_words_list: expected shape"),
    ],
)
def test_a_request_that_cannot_be_served_is_refused_by_name(given: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_generation_request(request(**given), LIMITS)


def test_inputs_that_say_nothing_are_no_reason_to_refuse() -> None:
    quiet = request(
        embedding_bias=np.empty((1, 0)),
        beam_width=[[1]],
        return_log_probs=[[False]],
        stop_words_list=np.empty((1, 2, 0)),
    )
    assert parse_generation_request(quiet, LIMITS).sampling.stop_words == []


@pytest.mark.parametrize("words", [[], [[1]], [[1, 2], [3]], [[4], [5, 6, 7], [8]]])
def test_word_lists_survive_the_journey(words: list[list[int]]) -> None:
    word_list = to_word_list(words)
    assert word_list.shape == (1, 2, sum(len(word) for word in words))
    assert from_word_list({"words": word_list}, "words") == words


def test_words_without_tokens_are_left_out() -> None:
    assert to_word_list([[], [1, 2], []]).tolist() == [[[1, 2], [2, -1]]]


def test_unfilled_and_empty_parameters_count_as_absent() -> None:
    values = {"path": "${engine_dir}", "empty": "", "on": "True", "count": "2560", "wrong": "many"}
    parameters = Parameters({"parameters": {name: {"string_value": value} for name, value in values.items()}})
    assert parameters.text("path") is None
    assert parameters.flag("empty", default=True) is True
    assert parameters.flag("on", default=False) is True
    assert parameters.integer("count") == 2560
    assert parameters.integer("missing") is None
    with pytest.raises(ParameterError, match="parameter path is not filled"):
        parameters.required_text("path")
    with pytest.raises(ParameterError, match="parameter wrong: expected a whole number, got 'many'"):
        parameters.integer("wrong")
    with pytest.raises(ParameterError, match="parameter wrong: expected true or false, got 'many'"):
        parameters.flag("wrong", default=False)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float16, np.int32, np.float32, np.uint64])
def test_an_array_for_the_stub_shows_its_size_where_numpy_1_kept_it_and_changes_no_other_dtype(dtype: type) -> None:
    array = np.arange(6).reshape(1, 2, 3).astype(dtype)
    flags = array.dtype.flags
    readable = readable_array(array)
    assert ctypes.c_int.from_address(id(readable.dtype) + FLAGS_OFFSET).value == array.itemsize
    assert (readable.shape, readable.dtype) == (array.shape, array.dtype)
    assert memoryview(readable).tobytes() == array.tobytes()
    assert array.dtype.flags == np.dtype(dtype).flags == flags


def test_a_numpy_that_keeps_its_dtypes_in_another_way_is_refused_before_anything_is_changed() -> None:
    check_layout()
    with pytest.raises(ToolchainError, match=r"numpy 2\.\d+\.\d+ on Python 3\.\d+\.\d+ keeps its arrays"):
        check_layout(type_number_offset=FLAGS_OFFSET + 4)
