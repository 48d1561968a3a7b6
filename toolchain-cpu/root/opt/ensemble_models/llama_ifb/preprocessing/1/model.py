import json
from pathlib import Path

from trtllm_cpu.tokenizer import ModelTokenizer
from trtllm_cpu.triton.backend import answer
from trtllm_cpu.triton.parameters import Parameters
from trtllm_cpu.triton.preprocess import preprocess


class TritonPythonModel:
    def initialize(self, args):
        parameters = Parameters(json.loads(args["model_config"]))
        self.tokenizer = ModelTokenizer(Path(parameters.required_text("tokenizer_dir")))
        # Left unfilled it means false, as in upstream's v0.10.
        self.add_special_tokens = parameters.flag("add_special_tokens", default=False)

    def execute(self, requests):
        return [answer(request, self._preprocess) for request in requests]

    def _preprocess(self, tensors):
        return preprocess(tensors, self.tokenizer, self.add_special_tokens)
