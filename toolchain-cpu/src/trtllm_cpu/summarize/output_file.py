"""trtllm.out or hf.out: the texts. Two header lines, then `[<row>] [Beam <beam>] <text>`; a text may span lines."""

from pathlib import Path


class OutputFile:
    """Writes the file as the rows come, so that a killed run has left what it finished."""

    def __init__(self, path: Path, source: str, tokenizer_dir: str):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._path.write_text(f"{source}\nTokenizer path: {tokenizer_dir}\n", encoding="utf-8")

    def append(self, row: int, text: str) -> None:
        """Adds the text of dataset row `row`; beam 0 is the only one."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"[{row}] [Beam 0] {text}\n")
