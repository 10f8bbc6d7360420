"""The house style that a machine can check: sizes, names, and that everything says what it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("schemas", "bus", "services", "deploy", "sdk/flyte")
ALL = (*PRODUCT, "sdk/examples", "tests", "bench")
LIBRARIES = ("schemas", "bus")
MAY_PRINT = ("sdk/flyte/_cli",)

MODULE_LINES = 400
FUNCTION_LINES = 60
VAGUE = frozenset({"util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc"})
VAGUE_CLASSES = ("Manager", "Helper", "Helpers", "Util", "Utils")


def modules(*folders: str) -> list[Path]:
    """The Python files below these folders, relative to the root; nothing that a tool has made."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in (each.relative_to(ROOT) for each in found) if not _is_made(path)]


_MADE = ("__pycache__", "build", "dist", "results")


def _is_made(path: Path) -> bool:
    return any(part.startswith(".") or part in _MADE for part in path.parts)


def each_module(*folders: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", modules(*folders), ids=str)


def tree_of(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def says_itself(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the function is one short expression, which its name describes."""
    return len(function.body) == 1 and isinstance(function.body[0], ast.Return)


@each_module(*ALL)
def test_a_module_says_what_it_is_and_is_one_idea(path: Path) -> None:
    docstring = ast.get_docstring(tree_of(path)) or ""
    assert docstring, "the module has no docstring"
    assert docstring.splitlines()[0].endswith((".", "?", ":")), "the docstring opens with one whole sentence"
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= MODULE_LINES, f"{lines} lines: this is more than one idea"


@each_module(*ALL)
def test_a_function_fits_on_the_screen(path: Path) -> None:
    long = {one.name: lines_of(one) for one in functions(tree_of(path)) if lines_of(one) > FUNCTION_LINES}
    assert not long, f"longer than {FUNCTION_LINES} lines: {long}"


@each_module(*ALL)
def test_a_name_says_more_than_that_something_is_useful(path: Path) -> None:
    words = {word for part in path.with_suffix("").parts for word in part.strip("_").split("_")}
    assert not words & VAGUE
    classes = (node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef))
    assert not [name for name in classes if name.endswith(VAGUE_CLASSES)]


@each_module(*PRODUCT)
def test_nobody_prints_but_the_command_line(path: Path) -> None:
    if str(path).startswith(MAY_PRINT):
        return
    calls = (node.func for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))
    assert not [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"]


@each_module(*LIBRARIES)
def test_a_public_function_says_what_it_gives(path: Path) -> None:
    public = [
        node
        for node in tree_of(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    ]
    silent = [one.name for one in public if not ast.get_docstring(one) and not says_itself(one)]
    assert not silent, f"without a docstring: {silent}"


def test_there_is_something_to_check() -> None:
    assert len(modules(*PRODUCT)) > 30
