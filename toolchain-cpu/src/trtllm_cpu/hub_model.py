"""Reads a Hugging Face model directory: a plain Llama with safetensors weights and a tokenizer.json."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.tensor_file import TensorFile


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
        self.config = _read_config(directory)
        self.shape = _parse_shape(directory, self.config)
        self._files = _weight_files(directory)
        self.tied_embeddings = "lm_head.weight" not in self._files

    def read(self, name: str) -> np.ndarray:
        """One tensor under its Hugging Face name, in the file's dtype."""
        if name == "lm_head.weight" and self.tied_embeddings:
            name = "model.embed_tokens.weight"
        if name not in self._files:
            raise ToolchainError(f"{self.directory}: no safetensors file holds {name}; download the model again")
        return self._files[name].read(name)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer. Errors: ToolchainError where there is no tokenizer.json."""
        return load_tokenizer(self.directory)


def load_tokenizer(directory: Path) -> Tokenizer:
    """tokenizer.json of a model directory. Errors: ToolchainError where it is missing."""
    path = directory / "tokenizer.json"
    if not path.is_file():
        raise ToolchainError(f"{path} is missing; only models whose tokenizer is a tokenizer.json are supported")
    return Tokenizer.from_file(str(path))


def _read_config(directory: Path) -> dict:
    path = directory / "config.json"
    if not path.is_file():
        raise ToolchainError(f"{path} is missing; --model_dir must be a Hugging Face model directory")
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ToolchainError(f"{path} is no JSON ({error}); download the model again") from error


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
        raise ToolchainError(f"{where}: {error.args[0]} is missing; download the model again") from error


def _weight_files(directory: Path) -> dict[str, TensorFile]:
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        weight_map: dict[str, str] = json.loads(index.read_text())["weight_map"]
        files = {name: TensorFile(directory / Path(name).name) for name in sorted(set(weight_map.values()))}
        return {tensor: files[name] for tensor, name in weight_map.items()}
    single = TensorFile(directory / "model.safetensors")
    return dict.fromkeys(single.names(), single)
