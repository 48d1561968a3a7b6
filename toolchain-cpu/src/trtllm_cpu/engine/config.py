"""config.json of an engine: version, pretrained_config, build_config with v0.10's keys."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trtllm_cpu import RELEASE
from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.json_file import read_json

REFERENCE_RUNTIME = {
    "name": "trtllm_cpu",
    "executor": "onnxruntime-cpu",
    "compute_dtype": "float32",
    "fp8": "weights rounded to e4m3 and executed dequantized to float32; activations are not rounded",
    "int8": "weights rounded to int8 and executed dequantized to float32; activations are not rounded",
    "int8_smoothquant": "weights and activations rounded to int8 and multiplied as such, with static scales",
    "int4": "weights executed as int4 (MatMulNBits); activations are rounded to int8 in blocks, by their maximum",
    "kv_cache_int8": "keys and values kept as int8 with a static scale a layer; prompts attend to them as kept",
    "kv_cache_fp8": "keys and values rounded to e4m3 with scale 1 and kept as float32; prompts attend to them as kept",
    "plugin_config": "recorded, without effect on this runtime",
}
"""What config.json says about how this toolchain's engines run."""


@dataclass(frozen=True)
class EngineConfig:
    """What the runtime needs of an engine's config.json."""

    checkpoint: CheckpointConfig
    max_batch_size: int
    max_input_len: int
    max_output_len: int
    gather_context_logits: bool = False
    gather_generation_logits: bool = False

    @property
    def max_sequence_len(self) -> int:
        """Most tokens of prompt and answer together."""
        return self.max_input_len + self.max_output_len

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return self.checkpoint.vocab_size

    @property
    def world_size(self) -> int:
        """Ranks that the engine has: tp_size * pp_size."""
        return self.checkpoint.mapping.world_size


def engine_config_json(checkpoint: CheckpointConfig, build_config: dict[str, Any]) -> dict:
    """config.json's values for an engine built from `checkpoint`."""
    return {
        "version": RELEASE,
        "pretrained_config": checkpoint.to_json(),
        "build_config": build_config,
        "reference_runtime": REFERENCE_RUNTIME,
    }


def read_engine_config(directory: Path) -> EngineConfig:
    """Parse an engine directory's config.json. Errors: ToolchainError naming the field that does not fit."""
    path = directory / "config.json"
    values = read_json(path, "the engine directory must be one that trtllm-build wrote")
    try:
        build, pretrained, version = values["build_config"], values["pretrained_config"], values["version"]
        limits = {name: int(build[name]) for name in ("max_batch_size", "max_input_len", "max_output_len")}
        gathers = {name: bool(build[name]) for name in ("gather_context_logits", "gather_generation_logits")}
    except (ValueError, KeyError, TypeError) as error:
        raise ToolchainError(f"{path} is no engine configuration ({error!r}); build the engine again") from error
    if "reference_runtime" not in values or version != RELEASE:
        raise ToolchainError(
            f"{path}: built by {'TensorRT-LLM' if 'reference_runtime' not in values else 'trtllm_cpu'} {version}; "
            f"this runtime is trtllm_cpu {RELEASE}: build the engine again with it"
        )
    return EngineConfig(checkpoint=CheckpointConfig.parse(pretrained, str(path)), **limits, **gathers)
