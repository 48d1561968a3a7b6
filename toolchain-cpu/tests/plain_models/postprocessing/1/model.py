"""postprocessing with transformers and what Triton brings, nothing of this toolchain: as upstream's models are made."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils
from transformers import AutoTokenizer

SCORES = ("CUM_LOG_PROBS", "OUTPUT_LOG_PROBS", "CONTEXT_LOGITS", "GENERATION_LOGITS")


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        directory = config["parameters"]["tokenizer_dir"]["string_value"]
        self.tokenizer = AutoTokenizer.from_pretrained(directory, legacy=False, padding_side="left")
        output = pb_utils.get_output_config_by_name(config, "OUTPUT")
        self.dtype = pb_utils.triton_string_to_numpy(output["data_type"])

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        beams, lengths = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in ("TOKENS_BATCH", "SEQUENCE_LENGTH")
        )
        texts = [
            self.tokenizer.decode(beam[:length], skip_special_tokens=True).encode()
            for beam, length in zip(beams[0], lengths[0], strict=True)
        ]
        scores = {name: pb_utils.get_input_tensor_by_name(request, name) for name in SCORES}
        tensors = [pb_utils.Tensor("OUTPUT", np.array(texts).astype(self.dtype))]
        tensors += [pb_utils.Tensor(f"OUT_{name}", tensor.as_numpy()) for name, tensor in scores.items() if tensor]
        return pb_utils.InferenceResponse(output_tensors=tensors)
