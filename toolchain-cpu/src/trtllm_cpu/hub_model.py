"""Reads a Hugging Face model directory: a plain Llama with safetensors weights and a tokenizer.json."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.json_file import read_json
from trtllm_cpu.tensor_file import TensorFile

DOWNLOAD_AGAIN = "download the model again"


@dataclass(frozen=True)
class LlamaShape:
    """What of config.json decides the computation."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_size: int
    max_position_embeddings: int
    norm_epsilon: float
    rotary_base: float


class HubModel:
    """A model directory as downloaded from the Hub. Weights are mapped and read tensor by tensor."""

    def __init__(self, directory: Path):
        """Errors: ToolchainError that names the field or file that this toolchain cannot run."""
        self.directory = directory
        config = read_json(directory / "config.json", "--model_dir must be a Hugging Face model directory")
        self.shape = _parse_shape(directory, config)
        self._files = _weight_files(directory)
        self.tied_embeddings = "lm_head.weight" not in self._files

    def read(self, name: str) -> np.ndarray:
        """One tensor under its Hugging Face name, in the file's dtype."""
        if name == "lm_head.weight" and self.tied_embeddings:
            name = "model.embed_tokens.weight"
        if name not in self._files:
            raise ToolchainError(f"{self.directory}: no safetensors file holds {name}; {DOWNLOAD_AGAIN}")
        return self._files[name].read(name)


def _parse_shape(directory: Path, config: dict) -> LlamaShape:
    where = directory / "config.json"
    architectures = config.get("architectures") or []
    if architectures != ["LlamaForCausalLM"]:
        raise ToolchainError(f"{where}: architectures is {architectures}; supported: ['LlamaForCausalLM']")
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        raise ToolchainError(f"{where}: rope_scaling is {rope}; supported: none (plain rope)")
    for field, expected in {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False}.items():
        if config.get(field, expected) != expected:
            raise ToolchainError(f"{where}: {field} is {config[field]!r}; supported: {expected!r}")
    try:
        heads = int(config["num_attention_heads"])
        return LlamaShape(
            vocab_size=int(config["vocab_size"]),
            hidden_size=int(config["hidden_size"]),
            intermediate_size=int(config["intermediate_size"]),
            num_hidden_layers=int(config["num_hidden_layers"]),
            num_attention_heads=heads,
            num_key_value_heads=int(config.get("num_key_value_heads") or heads),
            head_size=int(config.get("head_dim") or int(config["hidden_size"]) // heads),
            max_position_embeddings=int(config.get("max_position_embeddings", 2048)),
            norm_epsilon=float(config.get("rms_norm_eps", 1e-6)),
            rotary_base=float(config.get("rope_theta") or rope.get("rope_theta") or 10000.0),
        )
    except KeyError as error:
        raise ToolchainError(f"{where}: {error.args[0]} is missing; {DOWNLOAD_AGAIN}") from error


def _weight_files(directory: Path) -> dict[str, TensorFile]:
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        weight_map: dict[str, str] = read_json(index, DOWNLOAD_AGAIN).get("weight_map", {})
        files = {name: TensorFile(directory / Path(name).name) for name in sorted(set(weight_map.values()))}
        return {tensor: files[name] for tensor, name in weight_map.items()}
    single = TensorFile(directory / "model.safetensors")
    return dict.fromkeys(single.names(), single)
