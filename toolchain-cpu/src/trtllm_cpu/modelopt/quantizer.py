"""Quantizes and exports a Hugging Face Llama with ModelOpt. Importing this module imports torch."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import modelopt.torch.quantization as mtq
import torch
from modelopt.torch.export import export_tensorrt_llm_checkpoint
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from trtllm_cpu.devices import visible_threads
from trtllm_cpu.modelopt.recipes import Recipe

_KV_CACHE_BITS = {"int8": 8, "fp8": (4, 3)}
_LEAVE_WEIGHTS = {"quant_cfg": [{"quantizer_name": "*", "enable": False}], "algorithm": "max"}


def load_model(directory: Path) -> PreTrainedModel:
    """The model on the GPUs that are visible, in its own dtype as upstream; without any on the CPU, in float32."""
    disable_progress_bar()
    if torch.cuda.is_available():
        return AutoModelForCausalLM.from_pretrained(directory, dtype="auto", device_map="auto").eval()
    torch.set_num_threads(visible_threads())
    # A 16-bit float on a CPU is no faster, and the scales would carry its rounding.
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def device_name(model: PreTrainedModel) -> str:
    """Where the model computes, e.g. cpu or cuda."""
    return model.device.type


def quantize_model(
    model: PreTrainedModel,
    recipe: Recipe,
    kv_cache_dtype: str | None,
    block_size: int,
    batches: list[list[list[int]]],
    on_batch: Callable[[int], None],
) -> None:
    """Quantizes `model` in place, calibrated on `batches` of token ids [texts, tokens].

    `on_batch` is told each batch that has passed the model, once for each time the recipe runs them.
    """

    def calibrate(quantized: PreTrainedModel) -> None:
        with torch.inference_mode():
            for index, batch in enumerate(batches):
                quantized(torch.tensor(batch, device=model.device), use_cache=False)
                on_batch(index)

    mtq.quantize(model, _configuration(recipe, kv_cache_dtype, block_size), forward_loop=calibrate)


def _configuration(recipe: Recipe, kv_cache_dtype: str | None, block_size: int) -> dict[str, Any]:
    configuration = deepcopy(_LEAVE_WEIGHTS if recipe.preset is None else getattr(mtq, recipe.preset))
    for rule in configuration["quant_cfg"]:
        quantizer = rule.get("cfg")
        if isinstance(quantizer, dict) and "block_sizes" in quantizer:
            quantizer["block_sizes"][-1] = block_size
    if kv_cache_dtype is not None:
        bits = _KV_CACHE_BITS[kv_cache_dtype]
        rule = {"quantizer_name": "*[kv]_bmm_quantizer", "cfg": {"num_bits": bits, "axis": None}, "enable": True}
        configuration["quant_cfg"].append(rule)
    return configuration


def export_checkpoint(model: PreTrainedModel, directory: Path, dtype: str, tp_size: int, pp_size: int) -> None:
    """Writes config.json and one safetensors file a rank, as ModelOpt does."""
    with torch.inference_mode(), warnings.catch_warnings():
        # Where TensorRT-LLM is installed ModelOpt asks it for config.json; the warning reads as if the export failed.
        warnings.filterwarnings("ignore", message="Cannot export tensorrt_llm checkpoint config")
        export_tensorrt_llm_checkpoint(
            model,
            "llama",
            getattr(torch, dtype),
            export_dir=directory,
            inference_tensor_parallel=tp_size,
            inference_pipeline_parallel=pp_size,
        )
