"""tensorrt_llm_bls with what Triton brings, nothing of this toolchain: as upstream's model is made."""

import json
import traceback

import numpy as np
import triton_python_backend_utils as pb_utils
from lib.generated import Generated

PREPARED = {
    "INPUT_ID": "input_ids",
    "REQUEST_INPUT_LEN": "input_lengths",
    "REQUEST_OUTPUT_LEN": "request_output_len",
    "BAD_WORDS_IDS": "bad_words_list",
    "STOP_WORDS_IDS": "stop_words_list",
    "EMBEDDING_BIAS": "embedding_bias",
    "OUT_END_ID": "end_id",
    "OUT_PAD_ID": "pad_id",
}
ASKED = {"stream": "streaming", "random_seed": "random_seed", "top_k": "runtime_top_k", "temperature": "temperature"}
WORDS = {"bad_words": "BAD_WORDS_DICT", "stop_words": "STOP_WORDS_DICT"}
NEEDED = {"text_input": "QUERY", "max_tokens": "REQUEST_OUTPUT_LEN"}


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        assert pb_utils.using_decoupled_model_transaction_policy(config)
        self.generation = config["parameters"]["tensorrt_llm_model_name"]["string_value"]

    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            try:
                for response in self.respond(request):
                    sender.send(response)
            except Exception:
                pb_utils.Logger.log_error(traceback.format_exc())
                error = pb_utils.TritonError(traceback.format_exc())
                sender.send(pb_utils.InferenceResponse(output_tensors=[], error=error))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def respond(self, request):
        """A response for each of tensorrt_llm's, whose text is all that was generated so far."""
        prepared = single(called("preprocessing", tensors_of(request, NEEDED | WORDS), list(PREPARED)))
        inputs = renamed(prepared.output_tensors(), PREPARED) + tensors_of(request, ASKED)
        outputs = list(Generated.__annotations__)
        so_far = None
        for reply in called(self.generation, inputs, outputs).exec(decoupled=True):
            if reply.has_error():
                raise pb_utils.TritonModelException(reply.error().message())
            generated = Generated(**{tensor.name(): tensor.as_numpy() for tensor in reply.output_tensors()})
            if generated.output_ids.ndim != 3:
                raise ValueError(f"expected tokens in three dimensions, got {generated.output_ids.shape}")
            new = generated.output_ids
            so_far = new if so_far is None else np.concatenate([so_far, new], axis=2)
            tokens = [
                pb_utils.Tensor("TOKENS_BATCH", so_far),
                pb_utils.Tensor("SEQUENCE_LENGTH", np.array([[so_far.shape[2]]], dtype=np.int32)),
            ]
            [text] = single(called("postprocessing", tokens, ["OUTPUT"])).output_tensors()
            yield pb_utils.InferenceResponse([pb_utils.Tensor("text_output", text.as_numpy())])


def called(model, inputs, outputs):
    return pb_utils.InferenceRequest(model_name=model, inputs=inputs, requested_output_names=outputs)


def single(call):
    reply = call.exec(decoupled=False)
    if reply.has_error():
        raise pb_utils.TritonModelException(reply.error().message())
    return reply


def tensors_of(request, names):
    return renamed(request.inputs(), names)


def renamed(tensors, names):
    return [pb_utils.Tensor(names[tensor.name()], tensor.as_numpy()) for tensor in tensors if tensor.name() in names]
