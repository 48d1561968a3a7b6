"""The command line of compare_engines.py."""

from argparse import ArgumentParser

from trtllm_cpu.programs.generation_flags import DATA_TYPES


def create_parser() -> ArgumentParser:
    """All flags."""
    parser = ArgumentParser(prog="compare_engines.py")
    add = parser.add_argument
    add("--engine_dir", required=True, help="the candidate")
    baseline = parser.add_mutually_exclusive_group(required=True)
    baseline.add_argument("--baseline_engine_dir")
    baseline.add_argument("--baseline_hf_model_dir", help="run this model itself, without an engine")
    add("--hf_data_type", choices=DATA_TYPES, default="fp16", help="of --baseline_hf_model_dir, as in summarize.py")
    add("--tokenizer_dir", required=True, help="a Hugging Face model directory")
    add("--dataset_dir", required=True, help="holds ccdv/cnn_dailymail: the rows of one shard, counted from 0")
    add("--texts", required=True, help="evaluation.json: what the baseline wrote about those rows")
    add("--max_input_length", type=int, default=923, help="most tokens of a prompt")
    add("--output_dir", required=True, help="where agreement.json is written")
    add("--log_level", default="info")
    return parser
