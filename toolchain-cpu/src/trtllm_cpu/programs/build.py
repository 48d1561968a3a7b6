"""trtllm-build: a checkpoint to an engine directory."""

import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from trtllm_cpu import logger
from trtllm_cpu.checkpoint.reader import Checkpoint
from trtllm_cpu.engine.builder import build_rank
from trtllm_cpu.engine.config import engine_config_json
from trtllm_cpu.engine.shard import Shard
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.json_file import write_json
from trtllm_cpu.programs.build_config import build_config
from trtllm_cpu.programs.build_flags import build_parser
from trtllm_cpu.programs.program import refuse_unsupported, run_program

_SUPPORTED = {
    "model_config": (None, "give --checkpoint_dir"),
    "build_config": (None, "give the values as flags"),
    "model_cls_file": (None, "only LlamaForCausalLM is supported"),
    "model_cls_name": (None, "only LlamaForCausalLM is supported"),
    "max_beam_width": (1, "supported: 1"),
    "max_prompt_embedding_table_size": (0, "supported: 0"),
    "weight_only_precision": (None, "quantize with quantize.py --qformat int8_wo or int4_wo"),
    "weight_sparsity": (False, "leave it out"),
    "max_draft_len": (0, "supported: 0"),
    "lora_dir": (None, "leave it out"),
    "lora_target_modules": (None, "leave it out"),
    "auto_parallel": (1, "supported: 1"),
    "strip_plan": (False, "leave it out"),
    "visualize_network": (False, "leave it out"),
    "dry_run": (False, "leave it out"),
    "speculative_decoding_mode": (None, "leave it out"),
    "weight_streaming": (False, "leave it out"),
}


def _run(arguments: Namespace) -> None:
    started = time.monotonic()
    logger.set_level(arguments.log_level)
    refuse_unsupported(arguments, _SUPPORTED)
    if arguments.multiple_profiles == "enable" and arguments.opt_num_tokens is not None:
        raise ToolchainError("--opt_num_tokens cannot be given with --multiple_profiles enable; leave one out")
    if arguments.checkpoint_dir is None:
        raise ToolchainError(
            "--checkpoint_dir is missing; give a directory that quantize.py or convert_checkpoint.py wrote"
        )
    checkpoint = Checkpoint(Path(arguments.checkpoint_dir))
    config = build_config(arguments, checkpoint.config)
    output = Path(arguments.output_dir)
    _build(checkpoint, output, config["max_input_len"] + config["max_output_len"])
    write_json(output / "config.json", engine_config_json(checkpoint.config, config))
    logger.info(f"Total time of building all engines: {logger.elapsed(started)}")


def _build(checkpoint: Checkpoint, output: Path, positions: int) -> None:
    longest = checkpoint.config.max_position_embeddings
    if positions > longest:
        logger.warning(f"max_input_len + max_output_len is {positions}, beyond max_position_embeddings {longest}")
    for rank, shard in enumerate(checkpoint.shards):
        _build_rank(checkpoint, rank, shard, output / f"rank{rank}.engine", positions)


def _build_rank(checkpoint: Checkpoint, rank: int, shard: Shard, path: Path, positions: int) -> None:
    started = time.monotonic()
    layers = len(shard.layers)
    first = shard.layers.start
    build_rank(
        checkpoint, rank, path, positions, lambda layer: logger.info(f"Building layer {layer - first + 1}/{layers}")
    )
    logger.info(f"Total time of building Unnamed Network {rank}: {logger.elapsed(started)}")
    logger.info(f"Serializing engine to {path}: {path.stat().st_size} bytes")


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    return run_program(build_parser(), _run, argv)
