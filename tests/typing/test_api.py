"""What users write type-checks, and what is wrong with it is found."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flyte

ROOT = Path(__file__).parents[2]
PROGRAMS = ("tests/typing/api.py", "tests/typing/modules.py")
MODULES = ("config", "durable", "git", "io", "models", "notify", "remote", "report", "storage", "syncify")
IN_PASSING = {"AbortInfo", "ErrorInfo", "LazyEntity", "PARQUET", "NULL_TASK_CONTEXT", "SecretTypes"}
"""Names of what comes out of other names, and of values."""


@pytest.mark.timeout(600)  # without its cache mypy computes for ten seconds
def test_the_public_surface_keeps_the_types_of_tasks() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", *PROGRAMS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout == ""
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("module", ["flyte", *(f"flyte.{name}" for name in MODULES)])
def test_every_public_name_is_used_in_the_programs_that_are_checked(module: str) -> None:
    words = set(re.findall(r"\w+", "".join((ROOT / program).read_text() for program in PROGRAMS)))
    public = set(flyte.__all__ if module == "flyte" else importlib.import_module(module).__all__)
    assert public - words - IN_PASSING == set()
