import json

from trtllm_cpu.triton.bls_model import BlsModel


class TritonPythonModel:
    def initialize(self, args):
        self.model = BlsModel(json.loads(args["model_config"]))

    def execute(self, requests):
        for request in requests:
            self.model.serve(request)

    def finalize(self):
        self.model.close()
