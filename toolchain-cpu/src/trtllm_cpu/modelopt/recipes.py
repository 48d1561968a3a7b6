"""What each --qformat is called in ModelOpt."""

from dataclasses import dataclass

from trtllm_cpu.errors import ToolchainError


@dataclass(frozen=True)
class Recipe:
    """One quantization format, done by ModelOpt."""

    preset: str | None = None
    """ModelOpt's quantization configuration, an attribute of modelopt.torch.quantization; None: weights stay."""

    quant_algo: str | None = None
    """What config.json says where ModelOpt leaves the weights to trtllm-build."""

    maximum_calibration_size: int | None = None
    """Most calibration samples that v0.10 takes for it; None: as many as asked for."""


RECIPES = {
    "full_prec": Recipe(),
    "fp8": Recipe(preset="FP8_DEFAULT_CFG"),
    "int8_sq": Recipe(preset="INT8_SMOOTHQUANT_CFG"),
    "int4_awq": Recipe(preset="INT4_AWQ_CFG", maximum_calibration_size=32),
    "int8_wo": Recipe(quant_algo="W8A16"),
    "int4_wo": Recipe(quant_algo="W4A16"),
}


def recipe_of_qformat(qformat: str) -> Recipe:
    """The recipe for a --qformat value. Errors: ToolchainError listing the supported ones."""
    if qformat not in RECIPES:
        raise ToolchainError(f"--qformat {qformat} is not supported with ModelOpt; supported: {', '.join(RECIPES)}")
    return RECIPES[qformat]
