"""The command line of prepare_dataset.py, whose global options come before the subcommand, as v0.10's do."""

import logging
import random
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from trtllm_cpu.datasets import stream_rows
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.prepare_dataset.dataset_requests import Columns, read_requests
from trtllm_cpu.prepare_dataset.random_requests import normal_lengths, random_tokens, task_ids
from trtllm_cpu.prepare_dataset.workload import Sample, print_workload, write_workload
from trtllm_cpu.tokenizer import ModelTokenizer

PROGRAM = "prepare_dataset.py"


@dataclass(frozen=True)
class Common:
    """What the global options say."""

    tokenizer: ModelTokenizer
    output: Path
    stdout: bool
    seed: int
    task_id: int
    rand_task_id: tuple[int, int] | None

    def hand_over(self, metadata: dict[str, Any], samples: list[Sample]) -> None:
        """Prints or writes a workload, whose longest input and output go into its metadata."""
        if self.stdout:
            print_workload(samples)
            return
        longest = {
            "max_input_len": max(sample.input_len for sample in samples),
            "max_output_len": max(sample.output_len for sample in samples),
        }
        write_workload(self.output, metadata | longest, samples)


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit code. It ends by itself, with 2 for bad usage."""
    try:
        return cli.main(args=argv, prog_name=PROGRAM, standalone_mode=True)
    except ToolchainError as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr)
        return 1


@click.group()
@click.option("--tokenizer", required=True, type=str, help="A Hugging Face model directory.")
@click.option("--output", type=str, default="preprocessed_dataset.json", help="The file to write.")
@click.option("--stdout", is_flag=True, default=False, help="Print one request a line instead.")
@click.option("--random-seed", required=False, type=int, default=420, help="Seed of lengths and tokens.")
@click.option("--task-id", type=int, default=-1, help="LoRA task of all requests.")
@click.option("--rand-task-id", type=int, default=None, nargs=2, help="LoRA tasks at random, from one to the other.")
@click.option("--log-level", default="info", type=click.Choice(["info", "debug"]), help="How much goes to stderr.")
@click.pass_context
def cli(
    context: click.Context,
    tokenizer: str,
    output: str,
    stdout: bool,
    random_seed: int,
    task_id: int,
    rand_task_id: tuple[int, int] | None,
    log_level: str,
) -> None:
    """Makes the requests of a benchmark."""
    logging.basicConfig(level=log_level.upper())
    check(0 <= random_seed < 2**32, "--random-seed", "0 to 4294967295", random_seed)
    ascends = rand_task_id is None or rand_task_id[0] <= rand_task_id[1]
    check(ascends, "--rand-task-id", "the lower one first", rand_task_id)
    directory = Path(tokenizer)
    check(directory.is_dir(), "--tokenizer", "a Hugging Face model directory", tokenizer)
    context.obj = Common(ModelTokenizer(directory), Path(output), stdout, random_seed, task_id, rand_task_id)


@cli.command("token-norm-dist")
@click.option("--num-requests", required=True, type=int)
@click.option("--input-mean", required=True, type=int, help="Mean of the input lengths, in tokens.")
@click.option("--input-stdev", required=True, type=int, help="Their standard deviation; 0: all are alike.")
@click.option("--output-mean", required=True, type=int, help="Mean of the output lengths, in tokens.")
@click.option("--output-stdev", required=True, type=int, help="Their standard deviation; 0: all are alike.")
@click.pass_obj
def token_norm_dist(
    common: Common, num_requests: int, input_mean: int, input_stdev: int, output_mean: int, output_stdev: int
) -> None:
    """Random tokens with normally distributed lengths."""
    check(num_requests >= 1, "--num-requests", "at least 1", num_requests)
    check(input_stdev >= 0, "--input-stdev", "0 or more", input_stdev)
    check(output_stdev >= 0, "--output-stdev", "0 or more", output_stdev)
    input_lens = normal_lengths(input_mean, input_stdev, num_requests, common.seed)
    output_lens = normal_lengths(output_mean, output_stdev, num_requests, common.seed)
    generator = random.Random(common.seed)
    prompts = random_tokens(input_lens, common.tokenizer, generator)
    tasks = task_ids(num_requests, common.task_id, common.rand_task_id, generator)
    metadata = {
        "workload_type": "token-norm-dist",
        "input_mean": input_mean,
        "input_stdev": input_stdev,
        "output_mean": output_mean,
        "output_stdev": output_stdev,
        "num_requests": num_requests,
        "tokenize_vocabsize": common.tokenizer.vocabulary_size(with_added_tokens=False),
    }
    common.hand_over(metadata, [Sample(*row) for row in zip(input_lens, prompts, output_lens, tasks, strict=True)])


def parse_length_distribution(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """(mean, standard deviation) of --output-len-dist. Errors: ToolchainError, exit 1 as v0.10's assertion."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+),(\d+)", value)
    check(match is not None, "--output-len-dist", "MEAN,STDEV", value)
    return int(match[1]), int(match[2])


@cli.command("dataset")
@click.option("--dataset-name", required=True, type=str, help="A dataset's name on the Hub, or its directory.")
@click.option("--dataset-config-name", type=str, default=None)
@click.option("--dataset-split", type=str, required=True)
@click.option("--dataset-input-key", required=True, type=str, help="The column of inputs.")
@click.option("--dataset-prompt-key", type=str, default=None, help="The column of what comes before an input.")
@click.option("--dataset-prompt", type=str, default=None, help="What comes before every input.")
@click.option("--dataset-output-key", type=str, default=None, help="The column whose lengths are asked for.")
@click.option("--num-requests", type=int, default=None, help="At most so many.")
@click.option("--max-input-len", type=int, default=None, help="Leaves longer inputs out.")
@click.option(
    "--output-len-dist",
    type=str,
    default=None,
    callback=parse_length_distribution,
    help="MEAN,STDEV of output lengths.",
)
@click.pass_obj
def dataset(
    common: Common,
    dataset_name: str,
    dataset_config_name: str | None,
    dataset_split: str,
    dataset_input_key: str,
    dataset_prompt_key: str | None,
    dataset_prompt: str | None,
    dataset_output_key: str | None,
    num_requests: int | None,
    max_input_len: int | None,
    output_len_dist: tuple[int, int] | None,
) -> None:
    """Inputs from a dataset."""
    if bool(dataset_prompt_key) == bool(dataset_prompt):
        raise ToolchainError("--dataset-prompt-key, --dataset-prompt: expected exactly one of the two")
    if output_len_dist is None and dataset_output_key is None:
        raise ToolchainError("--output-len-dist, --dataset-output-key: expected one of the two")
    check(num_requests is None or num_requests >= 1, "--num-requests", "at least 1", num_requests)
    check(max_input_len is None or max_input_len >= 1, "--max-input-len", "at least 1", max_input_len)
    output_key = dataset_output_key if output_len_dist is None else None
    columns = Columns(dataset_input_key, dataset_prompt_key, dataset_prompt, output_key)
    rows = stream_rows(dataset_name, dataset_config_name, dataset_split)
    prompts, output_lens = zip(
        *read_requests(rows, columns, common.tokenizer, num_requests, max_input_len), strict=True
    )
    if output_len_dist is not None:
        output_lens = normal_lengths(*output_len_dist, len(prompts), common.seed)
    tasks = task_ids(len(prompts), common.task_id, common.rand_task_id, random.Random(common.seed))
    metadata = {
        "workload_type": "dataset",
        "tokenizer": common.tokenizer.class_name,
        "num_requests": len(prompts),
    }
    samples = [Sample(len(prompt), prompt, *row) for prompt, *row in zip(prompts, output_lens, tasks, strict=True)]
    common.hand_over(metadata, samples)


def check(fits: bool, flag: str, expected: str, value: Any) -> None:
    """Errors: ToolchainError naming the flag whose value does not fit."""
    if not fits:
        raise ToolchainError(f"{flag}: expected {expected}, got {value}")
