"""The measured behaviour of fill_template.py v0.10, run as a program."""

import subprocess
import sys
from pathlib import Path

import pytest
from toolchain import ROOT

SCRIPT = ROOT / "opt/scripts/fill_template.py"


def fill(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "config.pbtxt"
    path.write_text('count: ${count}\npath: "${engine_dir}"\nprice: $$5\n')
    return path


@pytest.mark.parametrize(
    ("substitutions", "expected"),
    [
        ("count:1,engine_dir:/e", 'count: 1\npath: "/e"\nprice: $5\n'),
        ("count:1", 'count: 1\npath: "${engine_dir}"\nprice: $5\n'),
        ("count:1,engine_dir:/e,stranger:2", 'count: 1\npath: "/e"\nprice: $5\n'),
        ("count: 1,engine_dir:", 'count:  1\npath: ""\nprice: $5\n'),
        ("count:1,count:2", 'count: 2\npath: "${engine_dir}"\nprice: $5\n'),
    ],
)
def test_fills_what_is_given_and_leaves_the_rest(template: Path, substitutions: str, expected: str) -> None:
    printed = fill(str(template), substitutions)
    assert (printed.returncode, printed.stdout, printed.stderr) == (0, expected + "\n", "")
    assert "${count}" in template.read_text()

    written = fill("-i", str(template), substitutions)
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    assert template.read_text() == expected


@pytest.mark.parametrize("substitutions", ["count:s3://bucket", "count:a,b", "count:1,", "", "count"])
def test_a_value_with_a_separator_fails_with_exit_1_and_changes_nothing(template: Path, substitutions: str) -> None:
    before = template.read_text()
    failed = fill("--in_place", str(template), substitutions)
    assert failed.returncode == 1
    assert "ValueError: substitutions: expected key:value" in failed.stderr
    assert template.read_text() == before


def test_a_second_run_over_a_filled_file_does_nothing_and_says_nothing(template: Path) -> None:
    fill("-i", str(template), "count:1,engine_dir:/e")
    second = fill("-i", str(template), "count:2,engine_dir:/f")
    assert second.returncode == 0
    assert template.read_text() == 'count: 1\npath: "/e"\nprice: $5\n'
