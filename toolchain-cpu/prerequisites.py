"""What the CPU toolchain needs of the machine, each with the line that says what to do where it is missing."""

import importlib.util
import os
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
# The Triton binaries of nvidia-pytriton 0.7.0 are built for it.
OLDEST_GLIBC = (2, 35)


class MissingPrerequisite(Exception):
    """Something that the user has to install; the message is one line."""


def check_prerequisites() -> None:
    """Raises MissingPrerequisite for the first thing that is missing."""
    check_system(sys.platform, platform.machine(), glibc_version())
    check_python(sys.version_info[:2])
    python_library_directory()


def check_system(system: str, machine: str, glibc: tuple[int, int] | None) -> None:
    """Raises MissingPrerequisite unless this is Linux on x86-64 with a recent glibc."""
    if system != "linux" or machine != "x86_64":
        raise MissingPrerequisite(f"the CPU toolchain runs on Linux x86-64 only; this is {system} {machine}")
    if glibc is None or glibc < OLDEST_GLIBC:
        found = "another C library" if glibc is None else f"glibc {dotted(glibc)}"
        raise MissingPrerequisite(
            f"the CPU toolchain needs glibc {dotted(OLDEST_GLIBC)} or later, found {found}; "
            "use e.g. Debian 12, Ubuntu 22.04 or later"
        )


def check_python(version: tuple[int, ...]) -> None:
    """Raises MissingPrerequisite unless Python `version` is supported and can make virtual environments."""
    name = f"python{dotted(version)}"
    if not OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        wanted = f"{dotted(OLDEST_PYTHON)} to {dotted(NEWEST_PYTHON)}"
        raise MissingPrerequisite(f"the CPU toolchain needs Python {wanted}, this is {name}; run it with another one")
    if any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        raise MissingPrerequisite(f"{name} cannot make virtual environments; install e.g. the package {name}-venv")


def glibc_version() -> tuple[int, int] | None:
    """Major and minor version of glibc, or None with another C library."""
    try:
        found = re.fullmatch(r"glibc (\d+)\.(\d+).*", os.confstr("CS_GNU_LIBC_VERSION") or "")
    except ValueError:
        return None
    return (int(found[1]), int(found[2])) if found else None


def python_library_directory() -> Path | None:
    """Where this Python's shared library lies, or None where the dynamic linker finds it by itself.

    Triton's Python stub links to it. Raises MissingPrerequisite where there is none.
    """
    name = f"libpython{dotted(sys.version_info[:2])}.so.1.0"
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    library = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")
    if (library / name).is_file() and str(library / name) not in cache:
        return library
    if name in cache:
        return None
    package = f"libpython{dotted(sys.version_info[:2])}"
    raise MissingPrerequisite(
        f"{name} was not found, Triton needs it; install e.g. the package {package}, or a Python built --enable-shared"
    )


def dotted(version: tuple[int, ...]) -> str:
    """(3, 11) as 3.11."""
    return ".".join(map(str, version))
