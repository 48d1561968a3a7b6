"""Fills the ${placeholders} of a Triton config.pbtxt, as the fill_template.py of tensorrtllm_backend v0.10 does.

Placeholders without a value stay as they are and values without a placeholder are ignored, both with exit 0: a second
run over a filled file changes nothing but `$$`, so start from a fresh copy of the template.
"""

import argparse
from pathlib import Path
from string import Template


def parse_substitutions(text: str) -> dict[str, str]:
    """`key:value,key:value` as a dictionary; a value can hold neither `:` nor `,`, blanks are kept.

    Raises ValueError on anything else, the empty string and a trailing comma included.
    """
    substitutions = {}
    for pair in text.split(","):
        parts = pair.split(":")
        if len(parts) != 2:
            raise ValueError(f"substitutions: expected key:value with exactly one ':' and no ',', got {pair!r}")
        key, value = parts
        substitutions[key] = value
    return substitutions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file_path", type=Path, help="the config.pbtxt to fill")
    parser.add_argument("substitutions", help="key1:value1,key2:value2")
    parser.add_argument("--in_place", "-i", action="store_true", help="change the file instead of printing the result")
    arguments = parser.parse_args()

    template = Template(arguments.file_path.read_text(encoding="utf-8"))
    filled = template.safe_substitute(parse_substitutions(arguments.substitutions))
    if arguments.in_place:
        arguments.file_path.write_text(filled, encoding="utf-8")
    else:
        print(filled)


if __name__ == "__main__":
    main()
