"""What a person waits for is held by the list of modules that are loaded for it, not by a clock."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import flyte
from testkit.cli import clean_environment

HEAVY = frozenset(
    {
        "asyncio",
        "cloudpickle",
        "flyte_bus",
        "flyte_schemas",
        "http",
        "nats",
        "numpy",
        "orjson",
        "pandas",
        "pathspec",
        "pyarrow",
        "pydantic",
        "rich",
        "ssl",
        "structlog",
        "yaml",
    }
)


def loaded_by(program: str) -> set[str]:
    """The top-level modules that a program has loaded when it ends."""
    ending = "\nfinally:\n    print(*{name.partition('.')[0] for name in sys.modules})"
    indented = "".join(f"    {line}\n" for line in program.splitlines())
    text = f"import contextlib, io, sys\ntry:\n{indented}{ending}"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False, env=clean_environment()
    )
    assert done.stdout, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_flyte_loads_nothing_else() -> None:
    modules = loaded_by("import flyte")
    assert "flyte" in modules
    assert not modules & (HEAVY | {"typer", "click", "dataclasses", "inspect"})


def test_declaring_a_task_loads_only_what_declaring_takes() -> None:
    modules = loaded_by(
        "import flyte\nenv = flyte.TaskEnvironment(name='env', resources=flyte.Resources(cpu=1))"
    )
    assert not modules & (HEAVY - {"flyte_schemas", "orjson"} | {"typer", "click"})


def loaded_for(words: str) -> set[str]:
    """The top-level modules that `flyte WORDS` has loaded when it ends."""
    return loaded_by(
        "from flyte._cli.main import main\n"
        f"sys.argv = ['flyte', *{words.split()!r}]\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
    )


@pytest.mark.parametrize("words", ["--help", "--version"])
def test_the_first_help_loads_nothing_but_the_command_line(words: str) -> None:
    modules = loaded_for(words)
    assert "typer" in modules
    assert not modules & HEAVY


@pytest.mark.parametrize(
    "words",
    ["start --help", "deploy --help", "run --help", "logs --help", "get run --help", "whoami --help"],
)
def test_the_help_of_a_command_loads_nothing_but_the_command_line(words: str) -> None:
    modules = loaded_for(words)
    assert "typer" in modules
    assert not modules & (HEAVY)


def test_the_help_of_a_task_loads_only_what_declaring_takes(tmp_path: Path) -> None:
    file = tmp_path / "flow.py"
    file.write_text(
        "import flyte\nenv = flyte.TaskEnvironment('env')\n@env.task\ndef f(x: int = 1) -> str: return ''\n"
    )
    modules = loaded_for(f"run {file} f --help")
    assert not modules & (HEAVY - {"flyte_schemas", "orjson"})


def test_a_local_run_loads_only_what_running_takes(tmp_path: Path) -> None:
    file = tmp_path / "flow.py"
    file.write_text(
        "import flyte\nenv = flyte.TaskEnvironment('env')\n@env.task\ndef f(x: int = 1) -> int: return x\n"
    )
    modules = loaded_for(f"run --local {file} f --x 3")
    assert not modules & (HEAVY - {"flyte_schemas", "orjson", "asyncio", "ssl"})


def test_every_public_name_is_there() -> None:
    for name in flyte.__all__:
        assert getattr(flyte, name) is not None
    assert set(flyte.__all__) <= set(dir(flyte))
    with pytest.raises(AttributeError, match="'tsak'"):
        _ = flyte.tsak  # type: ignore[attr-defined]


def test_the_names_that_are_loaded_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(flyte.__file__).read_text())
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    seen: dict[str, set[str]] = {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            assert node.module
            seen.setdefault(node.module, set()).update(alias.name for alias in node.names)
    submodules = seen.pop("flyte")
    assert submodules == flyte._SUBMODULES
    assert seen == {module: set(names) for module, names in flyte._HOMES.items()}
    assert {name for names in seen.values() for name in names} | set(flyte._ALSO) | {"errors"} == set(
        flyte.__all__
    )
