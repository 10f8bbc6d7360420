"""The house style that a machine can check: sizes, names, and that everything says what it is."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

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


_MADE = ("__pycache__", "build", "dist", "node_modules", "results")


def _is_made(path: Path) -> bool:
    return any(part.startswith(".") or part in _MADE for part in path.parts)


def modules_with(complaint: Callable[[Path, ast.Module], object], *folders: str) -> dict[str, object]:
    """What there is to complain of, by module."""
    found = {str(path): complaint(path, tree_of(path)) for path in modules(*folders)}
    return {path: said for path, said in found.items() if said}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def says_itself(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the function is one short expression, which its name describes."""
    return len(function.body) == 1 and isinstance(function.body[0], ast.Return)


def test_a_module_says_what_it_is() -> None:
    def first_line(_: Path, tree: ast.Module) -> str:
        first = (ast.get_docstring(tree) or "").partition("\n")[0]
        return "" if first.endswith((".", "?", ":")) else f"its docstring opens with no sentence: {first!r}"

    assert modules_with(first_line, *ALL) == {}


def test_a_module_is_one_idea() -> None:
    def lines(path: Path, _: ast.Module) -> int:
        count = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        return count if count > MODULE_LINES else 0

    assert modules_with(lines, *ALL) == {}


def test_a_function_fits_on_the_screen() -> None:
    def long(_: Path, tree: ast.Module) -> dict[str, int]:
        return {one.name: lines_of(one) for one in functions(tree) if lines_of(one) > FUNCTION_LINES}

    assert modules_with(long, *ALL) == {}


def test_a_name_says_more_than_that_something_is_useful() -> None:
    def vague(path: Path, tree: ast.Module) -> list[str]:
        words = {word for part in path.with_suffix("").parts for word in part.strip("_").split("_")}
        classes = (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
        return [*(words & VAGUE), *(name for name in classes if name.endswith(VAGUE_CLASSES))]

    assert modules_with(vague, *ALL) == {}


def test_nobody_prints_but_the_command_line() -> None:
    def printing(path: Path, tree: ast.Module) -> list[int]:
        calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
        names = (call for call in calls if isinstance(call, ast.Name) and call.id == "print")
        return [] if str(path).startswith(MAY_PRINT) else [call.lineno for call in names]

    assert modules_with(printing, *PRODUCT) == {}


def test_a_public_function_says_what_it_gives() -> None:
    def silent(_: Path, tree: ast.Module) -> list[str]:
        public = (
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
        )
        return [one.name for one in public if not ast.get_docstring(one) and not says_itself(one)]

    assert modules_with(silent, *LIBRARIES) == {}


def test_there_is_something_to_check() -> None:
    assert len(modules(*PRODUCT)) > 30
