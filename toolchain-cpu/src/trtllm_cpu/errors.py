"""The one error family of the programs: something the caller can act on, shown as one line."""


class ToolchainError(Exception):
    """A refused value or a broken input; the message names it, what was expected and what to do. Programs exit 1."""
