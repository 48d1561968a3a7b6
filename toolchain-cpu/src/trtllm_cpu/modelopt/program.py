"""The run of quantize.py with ModelOpt: the flags, files and lines of v0.10's own, which does the same."""

import time
from argparse import Namespace
from pathlib import Path

from trtllm_cpu.checkpoint.config import CheckpointConfig, Mapping
from trtllm_cpu.checkpoint.layout import LM_HEAD
from trtllm_cpu.datasets import load_calibration
from trtllm_cpu.engine.shard import check_shards
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel, LlamaShape
from trtllm_cpu.json_file import read_json, write_json
from trtllm_cpu.modelopt.calibration import padded_token_ids
from trtllm_cpu.modelopt.config_file import completed
from trtllm_cpu.modelopt.recipes import Recipe, recipe_of_qformat
from trtllm_cpu.quantization.int4_awq import INT4_AWQ, check_block_size
from trtllm_cpu.tensor_file import TensorFile
from trtllm_cpu.tokenizer import ModelTokenizer

EXPORTED_DTYPES = ("float16", "bfloat16")
"""What ModelOpt exports; asked for another it would warn and write float16."""


def quantize(arguments: Namespace) -> None:
    """Quantize and export. Errors: ToolchainError naming the flag that ModelOpt or the model cannot do."""
    started = time.monotonic()
    recipe = recipe_of_qformat(arguments.qformat)
    if arguments.dtype not in EXPORTED_DTYPES:
        raise ToolchainError(
            f"--dtype {arguments.dtype} is not supported with ModelOpt; supported: {', '.join(EXPORTED_DTYPES)}"
        )
    directory = Path(arguments.model_dir)
    print(f"Initializing tokenizer from {directory}")
    tokenizer = ModelTokenizer(directory)
    print(f"Initializing model from {directory}")
    shape = HubModel(directory).shape
    _check_split(shape, arguments)
    # Only now, when the flags are known to be good: torch takes seconds to import.
    from trtllm_cpu.modelopt import quantizer

    model = quantizer.load_model(directory)
    print(f"ModelOpt computes on: {quantizer.device_name(model)}")
    if recipe.preset is None and arguments.kv_cache_dtype is None:
        print(f"No quantization applied, export {arguments.dtype} model")
    else:
        batches = _calibration_batches(arguments, recipe, tokenizer)
        print("Starting quantization...")
        quantizing = time.monotonic()
        quantizer.quantize_model(
            model,
            recipe,
            arguments.kv_cache_dtype,
            arguments.awq_block_size,
            batches,
            lambda batch: print(f"Calibrating batch {batch}"),
        )
        print(f"Quantization done. Total time used: {time.monotonic() - quantizing:.2f} s.")
    output = Path(arguments.output_dir)
    quantizer.export_checkpoint(model, output, arguments.dtype, arguments.tp_size, arguments.pp_size)
    _finish(output, recipe, shape, arguments.pp_size)
    print(f"Quantized model exported to {arguments.output_dir} \nTotal time used {time.monotonic() - started:.2f} s.")


def _check_split(shape: LlamaShape, arguments: Namespace) -> None:
    """ModelOpt exports a wrong tp 2 of nine heads without a word, and sees only after calibration that blocks end in
    the middle of an input, or of a rank's share of one.
    """
    tp_size = arguments.tp_size
    mapping = Mapping.of_sizes(tp_size, arguments.pp_size)
    check_shards(CheckpointConfig.for_model(shape, arguments.dtype, mapping=mapping))
    if arguments.qformat == INT4_AWQ.qformat:
        check_block_size(shape, arguments.awq_block_size, tp_size)


def _calibration_batches(arguments: Namespace, recipe: Recipe, tokenizer: ModelTokenizer) -> list[list[list[int]]]:
    samples = arguments.calib_size
    if recipe.maximum_calibration_size is not None and samples > recipe.maximum_calibration_size:
        samples = recipe.maximum_calibration_size
        asked = arguments.calib_size
        print(f"AWQ calibration could take longer with calib_size = {asked}, Using calib_size={samples} instead")
    print("Loading calibration dataset")
    texts = load_calibration(arguments.calib_dataset, samples)
    rows = padded_token_ids(tokenizer, texts, arguments.calib_max_seq_length)
    return [rows[start : start + arguments.batch_size] for start in range(0, len(rows), arguments.batch_size)]


def _finish(directory: Path, recipe: Recipe, shape: LlamaShape, pp_size: int) -> None:
    ranks = sorted(directory.glob("rank*.safetensors"))
    for path in ranks:
        path.chmod(0o644)  # safetensors leaves it readable to its owner only
    # ModelOpt lists quantized layers here where it quantized none: the weight-only formats would be contradicted.
    (directory / "quant_cfg.json").unlink(missing_ok=True)
    config = directory / "config.json"
    shares_embedding = pp_size == 1 and LM_HEAD not in TensorFile(ranks[0]).names()
    values = read_json(config, "quantize again")
    write_json(config, completed(values, recipe, shape, shares_embedding))
