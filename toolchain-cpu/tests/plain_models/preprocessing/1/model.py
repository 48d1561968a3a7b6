"""preprocessing with transformers and what Triton brings, nothing of this toolchain: as upstream's models are made."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils
from transformers import AutoTokenizer


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        directory = config["parameters"]["tokenizer_dir"]["string_value"]
        self.tokenizer = AutoTokenizer.from_pretrained(directory, legacy=False, padding_side="left")
        outputs = [output["name"] for output in config["output"]]
        kinds = {name: pb_utils.get_output_config_by_name(config, name)["data_type"] for name in outputs}
        self.dtypes = {name: pb_utils.triton_string_to_numpy(kind) for name, kind in kinds.items()}

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        query = given(request, "QUERY")
        if query.shape[0] != 1:
            pb_utils.Logger.log_error("more than one prompt")
            return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError("one prompt a request"))
        token_ids = self.tokenizer.encode(query[0][0].decode(), add_special_tokens=False)
        end_id = given(request, "END_ID")
        ends = end_id if end_id is not None else [[self.tokenizer.eos_token_id]]
        values = {
            "INPUT_ID": np.array([token_ids]),
            "REQUEST_INPUT_LEN": np.array([[len(token_ids)]]),
            "REQUEST_OUTPUT_LEN": given(request, "REQUEST_OUTPUT_LEN"),
            "BAD_WORDS_IDS": self.word_list(given(request, "BAD_WORDS_DICT")),
            "STOP_WORDS_IDS": self.word_list(given(request, "STOP_WORDS_DICT")),
            "EMBEDDING_BIAS": np.empty([1, 0]),
            "OUT_END_ID": np.array(ends),
            "OUT_PAD_ID": np.array(ends),
        }
        tensors = [pb_utils.Tensor(name, value.astype(self.dtypes[name])) for name, value in values.items()]
        return pb_utils.InferenceResponse(output_tensors=tensors)

    def word_list(self, words):
        """[1, 2, n] that is no contiguous array; without words its one id has no end."""
        if words is None:
            return np.empty([1, 2, 0])
        ids = [self.tokenizer.encode(word.decode(), add_special_tokens=False) for word in words[0]]
        flat = [token for word in ids for token in word] or [0]
        ends = np.cumsum([len(word) for word in ids if word])
        padded = np.pad(ends, (0, len(flat) - len(ends)), constant_values=-1)
        return np.array([[flat], [padded]]).transpose((1, 0, 2))


def given(request, name):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return None if tensor is None else tensor.as_numpy()
