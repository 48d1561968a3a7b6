"""examples/llama/convert_checkpoint.py: a Hugging Face Llama to an unquantized checkpoint."""

import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from trtllm_cpu import RELEASE, logger
from trtllm_cpu.checkpoint.config import CheckpointConfig, Mapping
from trtllm_cpu.checkpoint.writer import write_checkpoint
from trtllm_cpu.engine.shard import check_shards
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.json_file import write_json
from trtllm_cpu.programs.convert_checkpoint_flags import convert_checkpoint_parser
from trtllm_cpu.programs.program import refuse_unsupported, run_program
from trtllm_cpu.quantization.format import QuantizeOptions
from trtllm_cpu.quantization.full_prec import FULL_PRECISION
from trtllm_cpu.quantization.quantize_model import no_calibrations, quantize_linears

_QUANTIZE = "quantize with quantize.py"
_SUPPORTED = {
    "meta_ckpt_dir": (None, "give a Hugging Face directory as --model_dir"),
    "use_weight_only": (False, f"{_QUANTIZE} --qformat int8_wo or int4_wo"),
    "smoothquant": (None, f"{_QUANTIZE} --qformat fp8 or int4_awq"),
    "int8_kv_cache": (False, "the KV cache is float32 here"),
    "modelopt_quant_ckpt_path": (None, _QUANTIZE),
    "moe_num_experts": (0, "only dense models are supported"),
}


def _run(arguments: Namespace) -> None:
    started = time.monotonic()
    print(RELEASE)
    refuse_unsupported(arguments, _SUPPORTED)
    if arguments.model_dir is None:
        # Upstream then writes a configuration without weights and exits 0.
        raise ToolchainError("--model_dir is missing; give a Hugging Face model directory")
    model = HubModel(Path(arguments.model_dir))
    _check_embedding(arguments)
    config = CheckpointConfig.for_model(
        model.shape,
        arguments.dtype,
        use_parallel_embedding=arguments.use_parallel_embedding,
        embedding_sharding_dim=arguments.embedding_sharding_dim,
        share_embedding_table=arguments.use_embedding_sharing and model.tied_embeddings,
        mapping=Mapping.of_sizes(arguments.tp_size, arguments.pp_size),
    )
    check_shards(config)
    output = Path(arguments.output_dir)
    if arguments.save_config_only:
        output.mkdir(parents=True, exist_ok=True)
        write_json(output / "config.json", config.to_json())
    else:
        _convert(model, config, output)
    print(f"Total time of converting checkpoints: {logger.elapsed(started)}")


def _check_embedding(arguments: Namespace) -> None:
    split_alike = arguments.use_parallel_embedding and arguments.embedding_sharding_dim == 0
    if arguments.use_embedding_sharing and (arguments.pp_size > 1 or (arguments.tp_size > 1 and not split_alike)):
        raise ToolchainError(
            "--use_embedding_sharing: embedding and head must be the same part on each rank; give --pp_size 1, and "
            "--use_parallel_embedding --embedding_sharding_dim 0 where --tp_size is over 1"
        )


def _convert(model: HubModel, config: CheckpointConfig, output: Path) -> None:
    options = QuantizeOptions(dtype=config.dtype, awq_block_size=0)
    layers = config.num_hidden_layers
    tensors = quantize_linears(
        FULL_PRECISION, model, options, no_calibrations(model), lambda layer: print(f"Layer {layer + 1}/{layers}")
    )
    write_checkpoint(output, config, model, FULL_PRECISION, tensors)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    return run_program(convert_checkpoint_parser(), _run, argv)
