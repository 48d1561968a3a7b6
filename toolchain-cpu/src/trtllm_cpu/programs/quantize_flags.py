"""The flags of examples/quantization/quantize.py at v0.10.0."""

from argparse import ArgumentParser


def quantize_parser() -> ArgumentParser:
    """All flags of the release; which values are supported is checked after parsing."""
    parser = ArgumentParser(prog="quantize.py")
    add = parser.add_argument
    add("--model_dir", help="Hugging Face model directory")
    add("--nemo_ckpt_path")
    add("--decoder_type", default="gptnext", choices=["gptnext", "llama"])
    add("--calib_dataset", default="cnn_dailymail", help="name or local directory; must contain cnn_dailymail")
    add("--calib_tp_size", type=int, default=1)
    add("--calib_pp_size", type=int, default=1)
    add("--dtype", default="float16")
    add(
        "--qformat",
        default="full_prec",
        choices=["fp8", "int8_sq", "int4_awq", "w4a8_awq", "int8_wo", "int4_wo", "full_prec"],
    )
    add("--seed", type=int, default=1234, help="without effect: calibration takes the first rows in order")
    add("--tokenizer_max_seq_length", type=int, default=2048)
    add("--batch_size", type=int, default=1, help="calibration texts a batch; the output does not depend on it")
    add("--calib_size", type=int, default=512)
    add("--calib_max_seq_length", type=int, default=512)
    add("--output_dir", default="exported_model")
    add("--tp_size", type=int, default=1)
    add("--pp_size", type=int, default=1)
    add("--awq_block_size", type=int, default=128)
    add("--kv_cache_dtype", choices=["int8", "fp8"])
    return parser
