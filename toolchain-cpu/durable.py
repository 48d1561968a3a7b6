"""Small file operations of the set-up programs that survive a kill and two runs at once."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[int]:
    """Holds an advisory lock on `lock` and yields its descriptor.

    The kernel releases it when the process has ended, however that happens, and with it every child that was given
    the descriptor: a child that outlives a killed parent still keeps others out.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def write_whole(path: Path, text: str) -> None:
    """Writes `text` so that `path` is either as before or complete."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    synchronize(fresh)
    fresh.rename(path)
    synchronize(path.parent)


def publish_directory(target: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a directory beside `target`, makes it durable, and only then gives it its name.

    What a killed run left beside `target` is removed; where `target` is there already, it is replaced.
    """
    fresh, previous = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    for leftover in (fresh, previous):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    write(fresh)
    for path in [*sorted(fresh.rglob("*")), fresh]:
        synchronize(path)
    if target.exists():
        target.rename(previous)
    fresh.rename(target)
    synchronize(target.parent)
    shutil.rmtree(previous, ignore_errors=True)


def synchronize(path: Path) -> None:
    """Flushes a file or a directory to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
