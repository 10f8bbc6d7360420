"""Each test and each file of tests that a document names exists: what is said to be shown is shown by it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
_NAMED = re.compile(r"(?<![\w./-])(?:tests/[\w./*-]*[\w*]|test_\w+(?:\.py)?)")


def named_in(text: str) -> set[str]:
    return set(_NAMED.findall(text))


def is_there(name: str) -> bool:
    if name.startswith("tests/"):
        return any(ROOT.glob(name))
    return name in (files() if name.endswith(".py") else functions())


@cache
def files() -> frozenset[str]:
    return frozenset(path.name for path in (ROOT / "tests").rglob("test_*.py"))


@cache
def functions() -> frozenset[str]:
    return frozenset(_functions())


def _functions() -> Iterator[str]:
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_what_a_document_names_is_there(document: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert {name for name in named_in(text) if not is_there(name)} == set()


def test_each_boundary_is_shown_by_a_test_with_a_name() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    table = text.partition("## What holds what")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 10
    assert [row[1].strip() for row in rows if not re.search(r"test_\w+", row[3])] == []


def test_a_name_of_nothing_is_found() -> None:
    text = "`tests/unit/test_subjects.py`, test_hostile.py::test_a_task_is_refused, `tests/e2e/test_audit*`"
    assert len(named_in(text)) == 4
    assert all(is_there(name) for name in named_in(text))
    for name in ("tests/unit/test_none.py", "test_none.py", "test_of_nothing", "tests/none*"):
        assert named_in(f"(`{name}`)") == {name} and not is_there(name)


def test_no_credentials_lie_in_the_repository() -> None:
    """But for the placeholders of tests, nothing here is a key or a token of a user of NATS."""
    begun = re.compile(r"-----BEGIN (NATS USER JWT|USER NKEY SEED)-----\s+\w{40,}")
    kept = (path for path in ROOT.iterdir() if path.is_file() and path.stat().st_size < 1_000_000)
    assert [path.name for path in kept if begun.search(path.read_text(errors="replace"))] == []
