"""examples/quantization/quantize.py: a Hugging Face Llama to a quantized checkpoint."""

import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from trtllm_cpu.checkpoint.config import DTYPES, CheckpointConfig, Mapping
from trtllm_cpu.checkpoint.writer import write_checkpoint
from trtllm_cpu.datasets import load_calibration
from trtllm_cpu.engine.kv_cache import key_value_format_of_flag
from trtllm_cpu.engine.shard import check_shards
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.modelopt.choice import description, modelopt_is_asked_for
from trtllm_cpu.modelopt.program import quantize as quantize_with_modelopt
from trtllm_cpu.programs.program import refuse_unsupported, run_program
from trtllm_cpu.programs.quantize_flags import quantize_parser
from trtllm_cpu.quantization.calibration import calibrate_layers
from trtllm_cpu.quantization.format import Format, LayerCalibration, QuantizeOptions
from trtllm_cpu.quantization.formats import format_of_qformat
from trtllm_cpu.quantization.quantize_model import no_calibrations, quantize_layers
from trtllm_cpu.tokenizer import ModelTokenizer


def _run(arguments: Namespace) -> None:
    _check_values(arguments)
    modelopt = modelopt_is_asked_for()
    print(description(modelopt))
    if modelopt:
        quantize_with_modelopt(arguments)
    else:
        _quantize(arguments)


def _quantize(arguments: Namespace) -> None:
    started = time.monotonic()
    row = format_of_qformat(arguments.qformat)
    print(f"Initializing tokenizer from {arguments.model_dir}")
    tokenizer = ModelTokenizer(Path(arguments.model_dir))
    print(f"Initializing model from {arguments.model_dir}")
    model = HubModel(Path(arguments.model_dir))
    options = QuantizeOptions(arguments.dtype, arguments.awq_block_size, arguments.tp_size)
    cache = key_value_format_of_flag(arguments.kv_cache_dtype)
    unquantized = CheckpointConfig.for_model(
        model.shape,
        arguments.dtype,
        logits_dtype="float16",
        use_parallel_embedding=True,
        mapping=Mapping.of_sizes(arguments.tp_size, arguments.pp_size),
    )
    check_shards(unquantized)
    quantization = replace(row.quantization(model.shape, options), kv_cache_quant_algo=cache.quant_algo)
    config = replace(unquantized, quantization=quantization)
    calibrates = row.maximum_calibration_size != 0 or cache.quant_algo is not None
    if calibrates:
        calibrations = _calibrations(arguments, row, model, config, tokenizer)
        print("Starting quantization...")
    else:
        # As upstream, which leaves the rounding of *_wo formats to the build.
        calibrations = no_calibrations(model)
        print(f"No quantization applied, export {arguments.dtype} model")
    quantizing = time.monotonic()
    tensors = quantize_layers(
        row, cache, model, options, calibrations, lambda layer: print(f"Layer {layer + 1}/{config.num_hidden_layers}")
    )
    if calibrates:
        print(f"Quantization done. Total time used: {time.monotonic() - quantizing:.2f} s.")
    write_checkpoint(Path(arguments.output_dir), config, model, row, tensors)
    print(f"Quantized model exported to {arguments.output_dir} \nTotal time used {time.monotonic() - started:.2f} s.")


def _check_values(arguments: Namespace) -> None:
    refuse_unsupported(arguments, {"nemo_ckpt_path": (None, "give a Hugging Face directory as --model_dir")})
    if arguments.model_dir is None:
        raise ToolchainError("--model_dir is missing; give a Hugging Face model directory")
    if arguments.dtype not in DTYPES:
        raise ToolchainError(f"--dtype {arguments.dtype} is not supported; supported: {', '.join(DTYPES)}")
    for name in ("batch_size", "calib_size", "calib_max_seq_length"):
        if getattr(arguments, name) < 1:
            raise ToolchainError(f"--{name} {getattr(arguments, name)} is not possible; give at least 1")


def _calibrations(
    arguments: Namespace, row: Format, model: HubModel, config: CheckpointConfig, tokenizer: ModelTokenizer
) -> Iterator[LayerCalibration]:
    samples = arguments.calib_size
    # A format that needs no calibration sets no limit where the cache needs one.
    if row.maximum_calibration_size and samples > row.maximum_calibration_size:
        samples = row.maximum_calibration_size
        asked = arguments.calib_size
        print(f"AWQ calibration could take longer with calib_size = {asked}, Using calib_size={samples} instead")
    print("Loading calibration dataset")
    texts = [
        tokenizer.encode(text)[: arguments.calib_max_seq_length]
        for text in load_calibration(arguments.calib_dataset, samples)
    ]
    last_layer = config.num_hidden_layers - 1

    def report(layer: int, text: int) -> None:
        batch, within = divmod(text, arguments.batch_size)
        if layer == last_layer and (within == arguments.batch_size - 1 or text == len(texts) - 1):
            print(f"Calibrating batch {batch}")

    return calibrate_layers(model, config, texts, report)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    return run_program(quantize_parser(), _run, argv)
