"""Command lines as cxxopts 3.1 reads them, the parser of TensorRT-LLM's own C++ programs.

A switch takes no separate value (`--streaming`, `--streaming=true`), any other option takes the next argument whatever
it looks like, arguments that belong to no option are ignored, and nothing may be abbreviated.
"""

import re
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_SYNTAX = re.compile(r"--([0-9A-Za-z][-_0-9A-Za-z]+)(?:=(.*))?|-([0-9A-Za-z]+)", re.DOTALL)
_INTEGER = re.compile(r"-?(?:0x[0-9A-Fa-f]+|[0-9]+)")
_TRUE, _FALSE = re.compile(r"[tT](?:rue)?|1"), re.compile(r"[fF](?:alse)?|0")


class OptionError(Exception):
    """What cxxopts throws at bad usage, with its words; the real programs catch it nowhere, so they abort."""

    def __init__(self, exception: str, message: str, named: str):
        """`named` comes into the message in quotation marks."""
        super().__init__(message.format(f"\N{LEFT SINGLE QUOTATION MARK}{named}\N{RIGHT SINGLE QUOTATION MARK}"))
        self.exception = f"cxxopts::exceptions::{exception}"


@dataclass(frozen=True)
class Option:
    """`--name`; `parse` turns its text into a value and raises ValueError where it is none."""

    name: str
    parse: Callable[[str], Any]
    description: str
    default: str | None = None
    """As it would be given."""

    @property
    def is_switch(self) -> bool:
        return self.parse is switch

    @property
    def value_if_absent(self) -> Any:
        """A switch without a default is off, another option then has the value None."""
        if self.default is None:
            return False if self.is_switch else None
        return self.parse(self.default)


def switch(text: str) -> bool:
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    raise ValueError(text)


def integer(text: str) -> int:
    """A C++ int."""
    return _whole(text, range(-(2**31), 2**31))


def size(text: str) -> int:
    """A C++ size_t."""
    return _whole(text, range(2**64))


def _whole(text: str, values: range) -> int:
    if not _INTEGER.fullmatch(text) or int(text, 16 if "x" in text else 10) not in values:
        raise ValueError(text)
    return int(text, 16 if "x" in text else 10)


def parse_options(options: Sequence[Option], argv: Sequence[str]) -> Namespace:
    """The value of each option by its name, and `help`, whether -h or --help was given. Errors: OptionError."""
    named = {option.name: option for option in options}
    values = Namespace(help=False, **{option.name: option.value_if_absent for option in options})
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            break
        syntax = _SYNTAX.fullmatch(argument)
        if syntax is None:
            if argument.startswith("-") and argument != "-":
                raise OptionError(
                    "invalid_option_syntax", "Argument {} starts with a - but has incorrect syntax", argument
                )
            continue
        name, text, letters = syntax.groups()
        if name == "help" or letters == "h":
            values.help = True
            continue
        if name not in named:
            raise OptionError("no_such_option", "Option {} does not exist", name or letters[0])
        option = named[name]
        if text is None and not option.is_switch and not rest:
            raise OptionError("missing_argument", "Option {} is missing an argument", name)
        if text is None:
            text = "true" if option.is_switch else rest.pop(0)
        try:
            setattr(values, name, option.parse(text))
        except ValueError:
            raise OptionError("incorrect_argument_type", "Argument {} failed to parse", text) from None
    return values


def usage(title: str, description: str, options: Sequence[Option]) -> str:
    """The help text."""
    lines = [description, "Usage:", f"  {title} [OPTION...]", "", f"  -h, {'--help':<40}Print usage"]
    for option in options:
        named = f"--{option.name}" if option.is_switch else f"--{option.name} arg"
        default = "" if option.default in (None, "") or option.is_switch else f" (default: {option.default})"
        lines.append(f"      {named:<40}{option.description}{default}")
    return "\n".join(lines) + "\n"
