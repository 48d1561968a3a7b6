"""tensorrt_llm_bls: the ensemble's pipeline as a program, which can keep the tokens of a stream together."""

import uuid
from contextlib import nullcontext

import numpy as np

from .backend import ResponseStream, StreamedCalls, call_model
from .cancellation import CancellationWatch
from .preprocess import INPUTS as PREPROCESSING_INPUTS
from .tensors import RequestError, Tensors, scalar

PREPROCESSING_OUTPUTS = {
    "INPUT_ID": "input_ids",
    "REQUEST_INPUT_LEN": "input_lengths",
    "REQUEST_OUTPUT_LEN": "request_output_len",
    "BAD_WORDS_IDS": "bad_words_list",
    "STOP_WORDS_IDS": "stop_words_list",
    "EMBEDDING_BIAS": "embedding_bias",
    "OUT_END_ID": "end_id",
    "OUT_PAD_ID": "pad_id",
}
GENERATION_INPUTS = {
    "top_k": "runtime_top_k",
    "top_p": "runtime_top_p",
    "temperature": "temperature",
    "length_penalty": "len_penalty",
    "repetition_penalty": "repetition_penalty",
    "min_length": "min_length",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "random_seed": "random_seed",
    "return_log_probs": "return_log_probs",
    "return_context_logits": "return_context_logits",
    "return_generation_logits": "return_generation_logits",
    "beam_width": "beam_width",
    "stream": "streaming",
    "prompt_embedding_table": "prompt_embedding_table",
    "prompt_vocab_size": "prompt_vocab_size",
}
GENERATION_OUTPUTS = {
    "output_ids": "TOKENS_BATCH",
    "sequence_length": "SEQUENCE_LENGTH",
    "cum_log_probs": "CUM_LOG_PROBS",
    "output_log_probs": "OUTPUT_LOG_PROBS",
    "context_logits": "CONTEXT_LOGITS",
    "generation_logits": "GENERATION_LOGITS",
}
POSTPROCESSING_OUTPUTS = {
    "OUTPUT": "text_output",
    "OUT_CUM_LOG_PROBS": "cum_log_probs",
    "OUT_OUTPUT_LOG_PROBS": "output_log_probs",
    "OUT_CONTEXT_LOGITS": "context_logits",
    "OUT_GENERATION_LOGITS": "generation_logits",
}


def run_pipeline(
    tensors: Tensors, stream: ResponseStream, calls: StreamedCalls, generation_model: str, accumulate_tokens: bool
) -> None:
    """Serves one request to its end. Raises RequestError with the message for the client.

    With accumulate_tokens each response of a stream holds the whole text so far, so no character is ever split.
    """
    for name in ("num_draft_tokens", "use_draft_logits"):
        if scalar(tensors, name):
            raise RequestError(f"{name}: the CPU toolchain has no draft models, leave it out")
    prepared = call_model("preprocessing", renamed(tensors, PREPROCESSING_INPUTS), list(PREPROCESSING_OUTPUTS))
    inputs = renamed(prepared, PREPROCESSING_OUTPUTS) | renamed(tensors, GENERATION_INPUTS)

    # tensorrt_llm ends a generation when a request of the same id comes with `stop`: upstream's way to cancel.
    request_id = uuid.uuid4().hex
    stop_inputs = inputs | {"stop": np.array([[True]])}

    def stop() -> None:
        list(calls.stream(generation_model, stop_inputs, ["output_ids"], request_id, nullcontext()))

    so_far = np.empty((1, 1, 0), dtype=np.int32)
    watch = CancellationWatch(stream, stop)
    for generated in calls.stream(generation_model, inputs, list(GENERATION_OUTPUTS), request_id, watch):
        if stream.is_cancelled():
            stop()
            break
        decoded = renamed(generated, GENERATION_OUTPUTS)
        if accumulate_tokens:
            so_far = np.concatenate([so_far, generated["output_ids"]], axis=2)
            decoded |= {"TOKENS_BATCH": so_far, "SEQUENCE_LENGTH": np.array([[so_far.shape[2]]], dtype=np.int32)}
        try:
            text = call_model("postprocessing", decoded, list(POSTPROCESSING_OUTPUTS))
            stream.send(renamed(text, POSTPROCESSING_OUTPUTS))
        except Exception:
            # Nobody wants the rest, which is read to its end all the same.
            stop()
            raise
    stream.finish()


def renamed(tensors: Tensors, names: dict[str, str]) -> dict[str, np.ndarray]:
    """The tensors that the next model takes, under its names for them."""
    return {names[name]: value for name, value in tensors.items() if name in names}
