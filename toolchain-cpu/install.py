"""Installs the CPU reference toolchain:  python3 install.py --destination DIR [--dev]

DIR/venv-<key>/ is the locked Python environment, keyed by the lock files and the Python version; DIR/root-<key>/ is
laid out like TensorRT-LLM's container, keyed by the sources too. The last line on stdout is the path of that root,
whose toolchain.json says how its programs are run. Nothing is done where both are there; a killed run is made good by
the next one; two runs at once wait for each other. Needs only the standard library of Python 3.11 to 3.13.
"""

import argparse
import hashlib
import json
import platform
import shlex
import shutil
import subprocess
import sys
import time
import venv
from collections import deque
from collections.abc import Callable
from pathlib import Path

from durable import exclusive, publish_directory, write_whole
from prerequisites import MissingPrerequisite, check_prerequisites, python_library_directory

HERE = Path(__file__).resolve().parent
RELEASE = "v0.10.0"
LOCKS = [HERE / "requirements-build.lock", HERE / "requirements.lock"]
DEVELOPMENT_LOCK = HERE / "requirements-dev.lock"
# What a virtual device may hold, as a GPU would say it; the small model's float32 engine needs about 1.2 GB.
DEVICE_MEMORY_BYTES = 8 * 1024**3
DEVICE_COUNT = 3
PACKAGES_A_LINE = 20
LINES_OF_A_FAILURE = 20
UNTRACKED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
# Added to the module that every Python model of Triton imports: what was written for numpy 1 and Python 3.10, as
# upstream's models are, runs unchanged.
MODEL_BRIDGE = """

import sys

import c_python_backend_utils
from trtllm_cpu.triton import dataclass_defaults, numpy_abi

numpy_abi.install(sys.modules[__name__], c_python_backend_utils)
dataclass_defaults.install()
"""


def main() -> None:
    """Parses the command line and installs what is missing."""
    parser = argparse.ArgumentParser(description="Install the CPU reference toolchain.")
    parser.add_argument("--destination", type=Path, required=True, help="directory to install into; about 1 GB")
    parser.add_argument("--dev", action="store_true", help="also install what the toolchain's own tests need")
    arguments = parser.parse_args()
    try:
        check_prerequisites()
    except MissingPrerequisite as missing:
        raise SystemExit(f"install.py: {missing}") from None
    destination = arguments.destination.resolve()
    with exclusive(destination / ".lock") as lock_descriptor:
        environment = install_environment(destination, lock_descriptor)
        if arguments.dev:
            install_development_packages(environment, lock_descriptor)
        root = assemble_root(destination, environment)
    print(root, flush=True)


def install_environment(destination: Path, lock_descriptor: int) -> Path:
    """The virtual environment with the locked packages, made where it is missing or half made."""
    environment = destination / f"venv-{digest_of(LOCKS, python_version())[:16]}"
    marker = environment / ".complete"
    # A virtual environment holds its own path: one that was moved or copied is as good as none.
    if marker.is_file() and marker.read_text() == str(environment):
        return environment
    started = time.monotonic()
    progress(f"creating the Python environment {environment.name}")
    marker.unlink(missing_ok=True)
    venv.EnvBuilder(clear=True, symlinks=True).create(environment)
    run_python(environment, ["-m", "ensurepip", "--default-pip"], lock_descriptor)
    for lock in LOCKS:
        pip_install(environment, lock, lock_descriptor)
    write_whole(marker, str(environment))
    progress(f"the Python environment is complete after {time.monotonic() - started:.0f} s")
    return environment


def install_development_packages(environment: Path, lock_descriptor: int) -> None:
    """Adds the packages of the development lock; they change nothing for the programs."""
    marker = environment / ".complete-development"
    wanted = digest_of([DEVELOPMENT_LOCK])
    if marker.is_file() and marker.read_text() == wanted:
        return
    pip_install(environment, DEVELOPMENT_LOCK, lock_descriptor)
    write_whole(marker, wanted)


def pip_install(environment: Path, lock: Path, lock_descriptor: int) -> None:
    """Installs exactly the packages of `lock`, each checked against its hash; they name every dependency."""
    wanted = sum(1 for line in lock.read_text().splitlines() if "==" in line)
    progress(f"installing the packages of {lock.name}")
    fetched = 0

    def follow(line: str) -> None:
        nonlocal fetched
        if line.startswith("Collecting "):
            fetched += 1
            if fetched % PACKAGES_A_LINE == 0:
                progress(f"  fetched {fetched} of at most {wanted}")
        elif line.startswith("Installing collected packages"):
            progress(f"  fetched all {fetched}, unpacking them")

    options = ["--require-hashes", "--no-deps", "--no-build-isolation", "--no-input", "--progress-bar", "off"]
    pip = ["-m", "pip", "--disable-pip-version-check", "install"]
    run_python(environment, [*pip, *options, "--requirement", str(lock)], lock_descriptor, follow)


def run_python(
    environment: Path, arguments: list[str], lock_descriptor: int, follow: Callable[[str], None] = lambda _line: None
) -> None:
    """Runs the environment's Python, untouched by the caller's own Python settings. It holds the lock, too.

    `follow` is told each line of its stdout; the last ones are shown where it fails, its stderr always is.
    """
    command = [environment / "bin/python", "-I", *arguments]
    last_lines: deque[str] = deque(maxlen=LINES_OF_A_FAILURE)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, pass_fds=[lock_descriptor]
    ) as child:
        for line in child.stdout or ():
            last_lines.append(line)
            follow(line)
    if child.returncode:
        print("".join(last_lines), end="", file=sys.stderr)
        program = " ".join(arguments[1:2])
        raise SystemExit(f"install.py: {program} ended with {child.returncode}, see above; then run this again")


def assemble_root(destination: Path, environment: Path) -> Path:
    """The container-like root for these sources, published whole."""
    identity = digest_of([*LOCKS, *source_files()], python_version())
    root = destination / f"root-{digest_of([], identity, str(environment))[:16]}"
    if (root / "toolchain.json").is_file():
        return root
    progress(f"assembling {root.name}")

    def assemble(fresh: Path) -> None:
        shutil.copytree(HERE / "root", fresh, ignore=UNTRACKED, dirs_exist_ok=True)
        shutil.copytree(HERE / "src", fresh / "opt/enginesmith/python", ignore=UNTRACKED)
        add_triton(fresh, root, environment)
        description = json.dumps(describe(root, environment, identity), indent=2) + "\n"
        (fresh / "toolchain.json").write_text(description, encoding="utf-8")

    publish_directory(root, assemble)
    return root


def add_triton(fresh: Path, root: Path, environment: Path) -> None:
    """Puts Triton's backend directory into `fresh`, and environment.sh, which tells the wrapper where the rest is."""
    version = python_version().rpartition(".")[0]
    packages = environment / "lib" / f"python{version}" / "site-packages"
    shipped = packages / "pytriton/tritonserver"
    backends = fresh / "opt/tritonserver/backends"
    shutil.copytree(shipped / "backends", backends, ignore=UNTRACKED)
    # The stub that runs Python models is built for one Python version; Triton looks for it beside its backend.
    shutil.copy2(shipped / "python_backend_stubs" / version / "triton_python_backend_stub", backends / "python")
    # The stub ignores PYTHONPATH, but finds what lies beside the backend.
    (backends / "python" / "trtllm_cpu").symlink_to("../../../enginesmith/python/trtllm_cpu")
    with (backends / "python/triton_python_backend_utils.py").open("a", encoding="utf-8") as file:
        file.write(MODEL_BRIDGE)
    libraries = [packages / "nvidia_pytriton.libs", python_library_directory()]
    settings = {
        "TRITON_BINARY": shipped / "bin/tritonserver",
        "TRITON_LIBRARY_PATH": ":".join(str(path) for path in libraries if path is not None),
        "TRITON_BACKENDS": root / "opt/tritonserver/backends",
    }
    lines = [f"{name}={shlex.quote(str(value))}\n" for name, value in settings.items()]
    (fresh / "opt/tritonserver/environment.sh").write_text("".join(lines), encoding="utf-8")


def describe(root: Path, environment: Path, identity: str) -> dict:
    """toolchain.json. In `environment` a list is put before the inherited search path, a text is the value itself."""
    device = {"class": "cpu", "memoryBytes": DEVICE_MEMORY_BYTES}
    return {
        "name": "reference-cpu",
        "release": RELEASE,
        "identity": identity,
        "environment": {
            "PATH": [str(environment / "bin"), str(root / "usr/local/bin")],
            "PYTHONPATH": [str(root / "opt/enginesmith/python")],
            "ENGINESMITH_TOOLCHAIN_ROOT": str(root),
            # mpirun refuses more ranks than cores otherwise; virtual devices share the cores.
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
            # numpy's BLAS knows nothing of virtual devices; with one thread it leaves the cores to the other steps.
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        },
        "devices": [{"index": index, **device} for index in range(DEVICE_COUNT)],
    }


def source_files() -> list[Path]:
    """Every file that decides what the root holds, in a fixed order."""
    files = [path for tree in ("root", "src") for path in (HERE / tree).rglob("*") if path.is_file()]
    sources = [path for path in files if path.suffix != ".pyc" and path.parent.suffix != ".egg-info"]
    return [HERE / "install.py", *sorted(sources)]


def digest_of(files: list[Path], *values: str) -> str:
    """sha256, in hex, over the names (relative to this directory), modes and contents of `files`, and over `values`."""
    digest = hashlib.sha256()
    for path in files:
        executable = bool(path.stat().st_mode & 0o100)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(HERE)}\0{executable}\0{content}\n".encode())
    for value in values:
        digest.update(f"{value}\n".encode())
    return digest.hexdigest()


def python_version() -> str:
    """Version of the Python that runs this and that the environment is made of, e.g. 3.11.7."""
    return platform.python_version()


def progress(message: str) -> None:
    """Prints one line at once."""
    print(f"CPU toolchain: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
