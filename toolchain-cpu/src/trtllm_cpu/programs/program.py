"""What the programs have in common: how they end, and how values that are not supported are refused."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trtllm_cpu import RELEASE
from trtllm_cpu.errors import ToolchainError


def run_program(parser: ArgumentParser, run: Callable[[Namespace], None], argv: Sequence[str] | None) -> int:
    """Parse and run. Exit codes: 0; 1 with one line on stderr for a refused value or broken input; 2 for bad usage."""
    arguments = parser.parse_args(argv)
    # Lines appear as they are printed even through a pipe: the caller shows them as progress.
    sys.stdout.reconfigure(line_buffering=True)
    print(f"[TensorRT-LLM] TensorRT-LLM version: {RELEASE}")
    try:
        run(arguments)
    except ToolchainError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 1
    return 0


def refuse_unsupported(arguments: Namespace, supported: Mapping[str, tuple[Any, str]]) -> None:
    """Refuse each flag whose value differs from the only supported one.

    `supported` maps a flag's name to (supported value, what to do instead). Errors: ToolchainError.
    """
    for name, (value, advice) in supported.items():
        given = getattr(arguments, name)
        if given != value:
            raise ToolchainError(f"--{name} {given} is not supported by the CPU reference toolchain; {advice}")
