import json

from trtllm_cpu.triton.generation_model import GenerationModel


class TritonPythonModel:
    def initialize(self, args):
        self.model = GenerationModel(json.loads(args["model_config"]), args["model_version"])

    def execute(self, requests):
        for request in requests:
            self.model.accept(request)

    def finalize(self):
        self.model.close()
