"""The flags of examples/llama/convert_checkpoint.py at v0.10.0."""

from argparse import ArgumentParser


def convert_checkpoint_parser() -> ArgumentParser:
    """All flags of the release; which values are supported is checked after parsing."""
    parser = ArgumentParser(prog="convert_checkpoint.py")
    add = parser.add_argument
    add("--model_dir", help="Hugging Face model directory")
    add("--meta_ckpt_dir")
    add("--tp_size", type=int, default=1)
    add("--pp_size", type=int, default=1)
    add("--dtype", default="float16", choices=["float32", "bfloat16", "float16"])
    # Shapes: read from the model's config.json; upstream uses these only where there is no model.
    add("--vocab_size", type=int, default=32000)
    add("--n_positions", type=int, default=2048)
    add("--n_layer", type=int, default=32)
    add("--n_head", type=int, default=32)
    add("--n_kv_head", type=int)
    add("--n_embd", type=int, default=4096)
    add("--inter_size", type=int, default=11008)
    add("--rms_norm_eps", type=float, default=1e-06)
    add("--hidden_act", default="silu")
    add("--rotary_base", type=float, default=10000.0)
    # Quantization at conversion.
    add("--use_weight_only", action="store_true")
    add("--disable_weight_only_quant_plugin", action="store_true")
    add("--weight_only_precision", const="int8", nargs="?", default="int8", choices=["int8", "int4", "int4_gptq"])
    add("--calib_dataset", default="ccdv/cnn_dailymail")
    add("--smoothquant", "-sq", type=float)
    add("--per_channel", action="store_true")
    add("--per_token", action="store_true")
    add("--int8_kv_cache", action="store_true")
    add("--modelopt_quant_ckpt_path")
    add("--per_group", action="store_true")
    add("--group_size", type=int, default=128)
    add("--dataset-cache-dir")
    # How the conversion runs.
    add("--load_by_shard", action="store_true")
    add("--load_model_on_cpu", action="store_true")
    add("--output_dir", default="tllm_checkpoint")
    add("--workers", type=int, default=1, help="one rank needs one; the output does not depend on it")
    add("--save_config_only", action="store_true")
    # Embedding and mixture of experts.
    add("--use_parallel_embedding", action="store_true")
    add("--embedding_sharding_dim", type=int, default=0, choices=[0, 1])
    add("--use_embedding_sharing", action="store_true")
    add("--moe_num_experts", type=int, default=0)
    add("--moe_top_k", type=int, default=0)
    add("--moe_tp_mode", type=int, default=2)
    add("--moe_renorm_mode", type=int, default=1)
    return parser
