"""Each code that the platform writes has an entry and a page, and nothing else has one."""

import ast
import builtins
import functools
import importlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyte import errors
from flyte_agent.endings import failure_of_status
from flyte_schemas.failure_codes import BY_CODE, FAILURE_CODES, FailureCode, find_code

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "failures"
PRODUCT = ("schemas/flyte_schemas", "bus", "services", "deploy", "sdk/flyte")

NEVER_WRITTEN = {"ArtifactError"}
"""The code of a class that only its subclasses are raised of."""


def trees() -> Iterator[ast.Module]:
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"))


def constants(tree: ast.Module) -> dict[str, str]:
    """The texts that a module has names for, its own and those that it imports from ours."""
    found: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found[name] = text
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("flyte"):
                there = vars(importlib.import_module(module))
                texts = {one.asname or one.name: there.get(one.name) for one in names}
                found |= {name: text for name, text in texts.items() if isinstance(text, str)}
    return found


def value_of(node: ast.expr | None, known: dict[str, str]) -> str | None:
    """The text that an expression stands for: a constant, or the name of one."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    return known.get(node.id) if isinstance(node, ast.Name) else None


def makers(tree: ast.Module) -> dict[str, int]:
    """The functions that make a failure of the code that they are given, and where they take it."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args]
            returned = ast.unparse(node.returns) if node.returns else ""
            if "code" in names and returned in ("Failure", "Refusal"):
                found[node.name] = names.index("code")
    return found


def codes_in(tree: ast.Module, known: dict[str, int]) -> Iterator[str | None]:
    """The codes that a module writes into failures, as far as they are written out."""
    texts = constants(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Failure"), keywords=keywords):
                yield from (value_of(one.value, texts) for one in keywords if one.arg == "code")
            case ast.Call(func=ast.Name(id=name), args=arguments) if len(arguments) > known.get(name, 99):
                yield value_of(arguments[known[name]], texts)
            case ast.ClassDef(body=body):
                for one in body:
                    if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "code":
                        yield value_of(one.value, texts)
            case ast.Dict(keys=keys, values=values):
                yield from (
                    value_of(value, texts)
                    for key, value in zip(keys, values, strict=True)
                    if isinstance(key, ast.Constant) and key.value == "code"
                )


@functools.cache
def written() -> set[str]:
    """The codes of all failures that the platform makes."""
    statuses = (*range(1, signal.SIGRTMAX + 1), 1 << 8)
    found = {failure_of_status(status).code for status in statuses}
    parsed = list(trees())
    known = {name: place for tree in parsed for name, place in makers(tree).items()}
    found |= {code for tree in parsed for code in codes_in(tree, known) if code is not None}
    return {code for code in found if re.fullmatch(r"[A-Z]\w+", code)} - NEVER_WRITTEN


def raised_by_the_sdk(code: str) -> bool:
    """Whether a task that fails with an error of the SDK's, or of Python's, has this code."""
    own = code in errors.__all__ or code == errors.RuntimeDataValidationError("x", "y").code
    return own or hasattr(builtins, code)


def test_each_code_that_is_written_has_an_entry() -> None:
    missing = written() - set(BY_CODE)
    assert not missing, f"add them to flyte_schemas.failure_codes, with a page in docs/failures: {missing}"


def test_each_entry_is_of_a_code_that_is_written() -> None:
    assert len(written()) > 20
    stale = {code for code in BY_CODE if code not in written() and not raised_by_the_sdk(code)}
    assert not stale


def test_a_code_has_one_entry() -> None:
    assert len(BY_CODE) == len(FAILURE_CODES)


def test_the_pages_are_those_of_the_entries() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {*BY_CODE, "README"}


@pytest.mark.parametrize("entry", FAILURE_CODES, ids=lambda entry: entry.code)
def test_a_page_says_what_happened_how_to_see_it_and_what_to_do(entry: FailureCode) -> None:
    text = (ROOT / entry.page).read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.M)
    assert sections[0].startswith(f"# {entry.code}\n")
    assert f"Kind: {entry.kind.value}. Retried {entry.retried}." in sections[0].replace("\n", " ")
    titles = [section.partition("\n")[0] for section in sections[1:]]
    assert titles == ["What happened", "How to see it", "What to do"]
    assert all(len(section.partition("\n")[2].strip()) > 40 for section in sections[1:])


def test_the_index_lists_every_page_with_its_meaning() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    for entry in FAILURE_CODES:
        assert f"| [{entry.code}]({entry.code}.md) | {entry.meaning} |" in index


def test_a_code_of_two_parts_is_found_by_either() -> None:
    assert find_code("RetriesExhausted|OOMKilled") is BY_CODE["OOMKilled"]
    assert find_code("TaskTimeout") is BY_CODE["TaskTimeout"]
    assert find_code("ValueError") is None
