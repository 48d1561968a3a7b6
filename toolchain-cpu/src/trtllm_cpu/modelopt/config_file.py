"""What of config.json ModelOpt leaves out or cannot know, set as v0.10's quantize.py does."""

from typing import Any

from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.modelopt.recipes import Recipe


def completed(values: dict[str, Any], recipe: Recipe, shape: LlamaShape, shares_embedding: bool) -> dict[str, Any]:
    """`values`, as ModelOpt exported them, with what an engine needs besides; `shape` is the model's own.

    `shares_embedding`: rank 0 holds the whole embedding and no rank a head of its own.
    """
    quantization = {**values["quantization"]}
    if recipe.preset is None:
        quantization["quant_algo"] = recipe.quant_algo
    others: dict[str, Any] = {"quantization": quantization, "rotary_base": shape.rotary_base}
    if shares_embedding:
        others["share_embedding_table"] = True
    return {**values, **others}
