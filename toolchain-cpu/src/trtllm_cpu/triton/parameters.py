"""Reading the `parameters` of a filled config.pbtxt."""

from collections.abc import Mapping
from typing import Any

from trtllm_cpu.errors import ToolchainError

TRUE = {"true", "1", "t", "y", "yes"}
FALSE = {"false", "0", "f", "n", "no"}


class ParameterError(ToolchainError):
    """A parameter of a config.pbtxt with which the model cannot be loaded."""


class Parameters:
    """The parameters of one model. One that is empty or still `${…}` counts as absent, as upstream has it."""

    def __init__(self, model_config: Mapping[str, Any]) -> None:
        self._values = {key: entry["string_value"] for key, entry in model_config.get("parameters", {}).items()}

    def text(self, name: str) -> str | None:
        value = self._values.get(name, "")
        return None if value == "" or (value.startswith("${") and value.endswith("}")) else value

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise ParameterError(f"parameter {name} is not filled: give it with fill_template.py")
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise ParameterError(f"parameter {name}: expected a whole number, got {value!r}") from None

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in TRUE | FALSE:
            raise ParameterError(f"parameter {name}: expected true or false, got {value!r}")
        return value.lower() in TRUE
