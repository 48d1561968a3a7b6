"""examples/llama/convert_checkpoint.py: a Hugging Face Llama to a checkpoint, as it is or with rounded weights."""

import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from trtllm_cpu import RELEASE, logger
from trtllm_cpu.checkpoint.config import CheckpointConfig, Mapping
from trtllm_cpu.checkpoint.writer import write_checkpoint
from trtllm_cpu.datasets import load_calibration
from trtllm_cpu.engine.kv_cache import FLOAT32_CACHE, INT8_CACHE
from trtllm_cpu.engine.shard import check_shards
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.json_file import write_json
from trtllm_cpu.programs.convert_checkpoint_flags import convert_checkpoint_parser
from trtllm_cpu.programs.program import refuse_unsupported, run_program
from trtllm_cpu.quantization.calibration import calibrate_layers
from trtllm_cpu.quantization.format import Format, LayerCalibration, QuantizeOptions
from trtllm_cpu.quantization.full_prec import FULL_PRECISION
from trtllm_cpu.quantization.int4_wo import INT4_WEIGHT_ONLY
from trtllm_cpu.quantization.int8_wo import INT8_WEIGHT_ONLY
from trtllm_cpu.quantization.quantize_model import no_calibrations, quantize_layers
from trtllm_cpu.tokenizer import ModelTokenizer

_SUPPORTED = {
    "meta_ckpt_dir": (None, "give a Hugging Face directory as --model_dir"),
    "smoothquant": (None, "quantize with quantize.py --qformat int8_sq, which is another recipe for the same"),
    "modelopt_quant_ckpt_path": (None, "quantize with quantize.py"),
    "moe_num_experts": (0, "only dense models are supported"),
}

_WEIGHT_ONLY = {"int8": INT8_WEIGHT_ONLY, "int4": INT4_WEIGHT_ONLY}

_CALIBRATION_SAMPLES = 512
_CALIBRATION_TOKENS = 512
"""Of each sample; both are fixed in v0.10's converter."""


def _run(arguments: Namespace) -> None:
    started = time.monotonic()
    print(RELEASE)
    refuse_unsupported(arguments, _SUPPORTED)
    if arguments.model_dir is None:
        # Upstream then writes a configuration without weights and exits 0.
        raise ToolchainError("--model_dir is missing; give a Hugging Face model directory")
    _check_embedding(arguments)
    row = _format(arguments)
    model = HubModel(Path(arguments.model_dir))
    options = QuantizeOptions(dtype=arguments.dtype, awq_block_size=0)
    cache = INT8_CACHE if arguments.int8_kv_cache else FLOAT32_CACHE
    config = CheckpointConfig.for_model(
        model.shape,
        arguments.dtype,
        use_parallel_embedding=arguments.use_parallel_embedding,
        embedding_sharding_dim=arguments.embedding_sharding_dim,
        share_embedding_table=arguments.use_embedding_sharing and model.tied_embeddings,
        quantization=replace(row.quantization(model.shape, options), kv_cache_quant_algo=cache.quant_algo),
        mapping=Mapping.of_sizes(arguments.tp_size, arguments.pp_size),
    )
    check_shards(config)
    output = Path(arguments.output_dir)
    if arguments.save_config_only:
        output.mkdir(parents=True, exist_ok=True)
        write_json(output / "config.json", config.to_json())
    else:
        calibrations = _calibrations(arguments, model, config) if arguments.int8_kv_cache else no_calibrations(model)
        layers = config.num_hidden_layers
        tensors = quantize_layers(
            row, cache, model, options, calibrations, lambda layer: print(f"Layer {layer + 1}/{layers}")
        )
        write_checkpoint(output, config, model, row, tensors)
    print(f"Total time of converting checkpoints: {logger.elapsed(started)}")


def _check_embedding(arguments: Namespace) -> None:
    split_alike = arguments.use_parallel_embedding and arguments.embedding_sharding_dim == 0
    if arguments.use_embedding_sharing and (arguments.pp_size > 1 or (arguments.tp_size > 1 and not split_alike)):
        raise ToolchainError(
            "--use_embedding_sharing: embedding and head must be the same part on each rank; give --pp_size 1, and "
            "--use_parallel_embedding --embedding_sharding_dim 0 where --tp_size is over 1"
        )


def _format(arguments: Namespace) -> Format:
    if not arguments.use_weight_only:
        return FULL_PRECISION
    refuse_unsupported(arguments, {"disable_weight_only_quant_plugin": (False, "leave it out")})
    row = _WEIGHT_ONLY.get(arguments.weight_only_precision)
    if row is None:
        raise ToolchainError(
            f"--weight_only_precision {arguments.weight_only_precision} is not supported; "
            f"supported: {', '.join(_WEIGHT_ONLY)}"
        )
    return row.converted


def _calibrations(arguments: Namespace, model: HubModel, config: CheckpointConfig) -> Iterator[LayerCalibration]:
    tokenizer = ModelTokenizer(model.directory)
    articles = load_calibration(arguments.calib_dataset, _CALIBRATION_SAMPLES)
    texts = [tokenizer.encode(article)[:_CALIBRATION_TOKENS] for article in articles]
    return calibrate_layers(model, config, texts, lambda _layer, _text: None)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    return run_program(convert_checkpoint_parser(), _run, argv)
