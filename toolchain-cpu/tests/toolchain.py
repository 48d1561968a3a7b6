"""The programs, run as their users run them: from this checkout, or from an assembled root."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
ROOT = CHECKOUT / "root"
TIMEOUT_SECONDS = 120


def checkout_environment(**others: str) -> dict[str, str]:
    """The environment in which the programs under ROOT find this checkout's library, and python3 this Python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(CHECKOUT / "src")} | others


def run_checkout(
    program: str, *arguments: object, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program of this checkout, named by its path below ROOT, to its end."""
    command = [sys.executable, str(ROOT / program), *map(str, arguments)]
    return finished(command, checkout_environment(**environment), cwd)


def finished(
    command: list[str], environment: dict[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end and keeps what it printed."""
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )


@dataclass(frozen=True)
class AssembledRoot:
    """A root that install.py assembled, used with nothing but the environment that its toolchain.json asks for."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        wanted = json.loads((self.path / "toolchain.json").read_text())["environment"]
        # Whoever runs the tests may have the library on a path of his own: the root must do without it.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        searched = {name: [*value, inherited.get(name)] for name, value in wanted.items() if isinstance(value, list)}
        return inherited | wanted | {name: os.pathsep.join(filter(None, parts)) for name, parts in searched.items()}

    def attempt(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Runs a program, named by its path below the root, to its end."""
        return finished([sys.executable, str(self.path / program), *map(str, arguments)], self.environment)

    def run(self, program: str, *arguments: object) -> str:
        """Runs a program that must succeed; returns its stdout."""
        done = self.attempt(program, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
