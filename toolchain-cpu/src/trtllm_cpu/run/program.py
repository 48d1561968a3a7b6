"""The run of run.py."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from trtllm_cpu import logger
from trtllm_cpu.engine.inflight_batcher import BatchLimits, InflightBatcher
from trtllm_cpu.engine.runtime import Engine
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.programs.generation_flags import sampling
from trtllm_cpu.programs.launch import load_launched_engine
from trtllm_cpu.programs.program import run_program
from trtllm_cpu.run.arguments import check_arguments, create_parser
from trtllm_cpu.run.inputs import read_inputs
from trtllm_cpu.run.outputs import Answer, check_logits, put_out, save_log_probabilities, save_logits
from trtllm_cpu.tokenizer import ModelTokenizer


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit code."""
    return run_program(create_parser(), run, argv)


def run(arguments: Namespace) -> None:
    """Answers every input as one batch. Errors: ToolchainError for what it refuses."""
    check_arguments(arguments)
    logger.set_level(arguments.log_level)
    tokenizer = ModelTokenizer(Path(arguments.tokenizer_dir))
    inputs = read_inputs(arguments, tokenizer)
    engine = load_launched_engine(Path(arguments.engine_dir))
    limit = engine.config.max_batch_size
    if len(inputs) > limit:
        raise ToolchainError(
            f"Input batch size ({len(inputs)}) exceeds the engine limit ({limit}); "
            "ask fewer at once, or build with a larger --max_batch_size"
        )
    if arguments.output_logits_npy is not None:
        check_logits(engine)
    answers = [Answer(input_ids) for input_ids in inputs]
    step = -1
    for step in generate(arguments, engine, tokenizer.end_id, answers):
        if arguments.streaming and step % arguments.streaming_interval == 0:
            put_out(arguments, tokenizer, answers)
    # The last step of a stream was put out already where it fell on the interval.
    if not arguments.streaming or step % arguments.streaming_interval != 0:
        put_out(arguments, tokenizer, answers)
    save_log_probabilities(arguments, answers)
    if arguments.output_logits_npy is not None:
        save_logits(arguments, engine, answers)


def generate(arguments: Namespace, engine: Engine, end_id: int, answers: list[Answer]) -> Iterator[int]:
    """Extends all answers by a token a step and yields the step's number, from 0, until every one has ended."""
    scored = (arguments.output_log_probs_npy, arguments.output_cum_log_probs_npy) != (None, None)
    batcher = InflightBatcher(engine, BatchLimits(max_requests=len(answers)))
    tickets = [
        batcher.add(answer.input_ids, arguments.max_output_len, end_id, sampling(arguments, scored))
        for answer in answers
    ]
    finished = 0
    for step in range(arguments.max_output_len):
        done = batcher.step()
        for ticket, choice in done.chosen:
            answer = answers[tickets.index(ticket)]
            answer.output_ids.append(choice.token_id)
            if scored:
                answer.log_probabilities.append(choice.log_probability)
        for ticket in done.ended:
            if ticket.failure is not None:
                raise ticket.failure
            finished += 1
            logger.info(
                f"Finished {finished} of {len(answers)}: text {tickets.index(ticket)}, {len(ticket.choices)} tokens"
            )
        yield step
        if not batcher.running:
            break
    batcher.close()
