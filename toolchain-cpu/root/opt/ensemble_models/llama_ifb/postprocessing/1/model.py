import json
from pathlib import Path

from trtllm_cpu.tokenizer import ModelTokenizer
from trtllm_cpu.triton.backend import answer
from trtllm_cpu.triton.parameters import Parameters
from trtllm_cpu.triton.postprocess import postprocess


class TritonPythonModel:
    def initialize(self, args):
        parameters = Parameters(json.loads(args["model_config"]))
        self.tokenizer = ModelTokenizer(Path(parameters.required_text("tokenizer_dir")))
        self.skip_special_tokens = parameters.flag("skip_special_tokens", default=True)

    def execute(self, requests):
        return [answer(request, self._postprocess) for request in requests]

    def _postprocess(self, tensors):
        return postprocess(tensors, self.tokenizer, self.skip_special_tokens)
