"""install.py: what is missing, the environment, the root and its description."""

import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from toolchain import CHECKOUT, AssembledRoot

import install
from durable import exclusive
from prerequisites import MissingPrerequisite, check_python, check_system, glibc_version


def copied_installer(directory: Path) -> ModuleType:
    """install.py over a checkout of its own, whose locks name no package."""
    shutil.copy(CHECKOUT / "install.py", directory)
    for lock in ("requirements-build.lock", "requirements.lock", "requirements-dev.lock"):
        (directory / lock).write_text("# nothing\n")
    specification = importlib.util.spec_from_file_location("copied_installer", directory / "install.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("system", "machine", "glibc", "message"),
    [
        ("darwin", "arm64", None, "Linux x86-64 only; this is darwin arm64"),
        ("linux", "aarch64", (2, 36), "Linux x86-64 only"),
        ("linux", "x86_64", (2, 31), "needs glibc 2.35 or later, found glibc 2.31"),
        ("linux", "x86_64", None, "found another C library"),
    ],
)
def test_a_system_that_cannot_run_it_is_told_in_one_line(system: str, machine: str, glibc, message: str) -> None:
    with pytest.raises(MissingPrerequisite, match=re.escape(message)) as raised:
        check_system(system, machine, glibc)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_python_outside_the_supported_ones_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(MissingPrerequisite, match=r"needs Python 3\.11 to 3\.13"):
        check_python(version)


def test_this_machine_is_accepted() -> None:
    check_system("linux", "x86_64", glibc_version())
    check_python(sys.version_info[:2])


def wheel() -> bytes:
    """A package called `greeting` that holds one module."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("greeting.py", "TEXT = 'hello'")
        archive.writestr("greeting-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1\n")
        archive.writestr("greeting-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("greeting-1.dist-info/RECORD", "")
    return content.getvalue()


def test_an_installation_that_failed_is_made_again_whole_and_then_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    installer, content = copied_installer(tmp_path), wheel()
    package = tmp_path / "greeting-1-py3-none-any.whl"
    locked = f"greeting @ {package.as_uri()} --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
    (tmp_path / "requirements.lock").write_text(locked)
    with exclusive(tmp_path / ".lock") as lock:
        with pytest.raises(SystemExit, match=r"pip ended with 1, see above; then run this again"):
            installer.install_environment(tmp_path, lock)
        assert "No such file" in capfd.readouterr().err
        [half_made] = tmp_path.glob("venv-*")
        (half_made / "left over").touch()
        package.write_bytes(content)
        environment = installer.install_environment(tmp_path, lock)
        assert environment == half_made
        assert not (environment / "left over").exists()
        command = [environment / "bin/python", "-c", "import greeting; print(greeting.TEXT)"]
        assert subprocess.check_output(command, text=True) == "hello\n"
        printed = capfd.readouterr().out.splitlines()
        assert all(line.startswith("CPU toolchain: ") and str(tmp_path) not in line for line in printed)
        (environment / "kept").touch()
        assert installer.install_environment(tmp_path, lock) == environment
        assert (environment / "kept").exists()


def test_the_root_is_assembled_whole_once_and_describes_how_it_runs(tmp_path: Path) -> None:
    environment = Path(sys.prefix)
    root = install.assemble_root(tmp_path, environment)
    # As if the run had been killed before it was through.
    unfinished = root.rename(root.with_name(f".{root.name}.new"))
    (unfinished / "left over").touch()
    assert install.assemble_root(tmp_path, environment) == root
    description = json.loads((root / "toolchain.json").read_text())
    assert description["name"] == "reference-cpu"
    assert description["release"] == "v0.10.0"
    assert re.fullmatch(r"[0-9a-f]{64}", description["identity"])
    assert [device["index"] for device in description["devices"]] == [0, 1, 2]
    assert {device["class"] for device in description["devices"]} == {"cpu"}
    assert description["environment"]["PATH"] == [str(environment / "bin"), str(root / "usr/local/bin")]
    assert description["environment"]["PRTE_MCA_rmaps_default_mapping_policy"] == ":oversubscribe"
    assert not list(tmp_path.rglob("left over"))
    assert not list(root.rglob("*.pyc"))
    modified = (root / "toolchain.json").stat().st_mtime_ns
    assert install.assemble_root(tmp_path, environment) == root
    assert (root / "toolchain.json").stat().st_mtime_ns == modified


def test_the_programs_of_an_assembled_root_run_in_its_environment(tmp_path: Path) -> None:
    root = AssembledRoot(install.assemble_root(tmp_path, Path(sys.prefix)))
    ended = root.attempt("opt/tensorrt_llm/examples/summarize.py", "--no_such_flag")
    assert ended.returncode == 2
    assert "usage: summarize.py" in ended.stderr


def test_triton_is_found_through_environment_sh(tmp_path: Path) -> None:
    root = install.assemble_root(tmp_path, Path(sys.prefix))
    script = '. "$0"; printf "%s\\n" "$TRITON_BINARY" "$TRITON_LIBRARY_PATH" "$TRITON_BACKENDS"'
    command = ["sh", "-euc", script, root / "opt/tritonserver/environment.sh"]
    binary, libraries, backends = subprocess.check_output(command, text=True).splitlines()
    assert os.access(binary, os.X_OK)
    assert all(Path(directory).is_dir() for directory in libraries.split(":"))
    assert os.access(Path(backends) / "python/triton_python_backend_stub", os.X_OK)


def test_the_key_follows_names_modes_contents_and_values(tmp_path: Path) -> None:
    installer = copied_installer(tmp_path)
    file = tmp_path / "program"
    digests = set()
    for content, mode, value in [("a", 0o644, "x"), ("b", 0o644, "x"), ("a", 0o755, "x"), ("a", 0o644, "y")]:
        file.write_text(content)
        file.chmod(mode)
        digests.add(installer.digest_of([file], value))
    other = file.rename(tmp_path / "other")
    digests.add(installer.digest_of([other], "y"))
    assert len(digests) == 5


def test_a_child_that_outlives_its_killed_parent_keeps_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with exclusive(lock) as descriptor:
        child = subprocess.Popen(["sleep", "30"], pass_fds=[descriptor])
    probe = ["flock", "--nonblock", lock, "true"]
    assert subprocess.run(probe, check=False).returncode == 1
    child.kill()
    child.wait()
    assert subprocess.run(probe, check=False).returncode == 0
