"""Loading a user's file, and what is said when it cannot be loaded or does not have what was asked for."""

from pathlib import Path

import pytest

from flyte import errors
from flyte._loading import NotFoundInFile, load_file
from flyte._runtime.loading import load_task
from flyte_schemas.task import Source

TASKS = """
import flyte

env = flyte.TaskEnvironment(name="my_env")

@env.task
async def my_task(name: str) -> str:
    return f"Hello, {name}!"

@env.task
async def my_other_task() -> None: ...

if __name__ == "__main__":
    raise AssertionError("a loaded file is not the main program")
"""


def write(path: Path, text: str = TASKS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_environments_are_found_by_variable_and_tasks_by_name(project: Path) -> None:
    loaded = load_file(write(project / "my_example.py"))
    assert loaded.root == project
    assert loaded.module.__name__ == "my_example"
    assert loaded.environment("env").name == "my_env"
    assert loaded.task("my_task") is loaded.task("my_env.my_task")
    assert list(loaded.tasks()) == ["my_task", "my_other_task"]


@pytest.mark.parametrize(
    ("variable", "message"),
    [("my_env", "say the variable that holds it: 'env'"), ("evn", "did you mean 'env'")],
)
def test_an_environment_that_is_not_there_is_told_with_the_nearest(
    project: Path, variable: str, message: str
) -> None:
    with pytest.raises(NotFoundInFile, match=message):
        load_file(write(project / "my_example.py")).environment(variable)


def test_a_task_that_is_not_there_is_told_with_the_nearest(project: Path) -> None:
    loaded = load_file(write(project / "my_example.py"))
    with pytest.raises(NotFoundInFile, match="no task 'my_tsk': did you mean 'my_task'"):
        loaded.task("my_tsk")
    with pytest.raises(NotFoundInFile, match=r"no task 'other\.my_task'"):
        loaded.task("other.my_task")


@pytest.mark.parametrize("name", ["01_hello.py", "my-flow.py", "code.py", "a.b.py", "deep/er/flow.py"])
def test_any_file_name_loads_here_and_where_the_bundle_is(project: Path, name: str) -> None:
    loaded = load_file(write(project / name))
    task = loaded.task("my_task")
    elsewhere = project.parent / "elsewhere"
    write(elsewhere / name)
    source = Source(module=loaded.module.__name__, function="my_task", file=name)
    again = load_task(source, "my_env.my_task", elsewhere)
    assert again is not task
    assert again.source_file == (elsewhere / name).resolve()


def test_siblings_and_packages_import_as_in_a_script(project: Path) -> None:
    write(project / "flows" / "helper.py", "VALUE = 1")
    write(project / "flows" / "pkg" / "__init__.py", "")
    write(project / "flows" / "pkg" / "part.py", "from . import other\nVALUE = other.VALUE")
    write(project / "flows" / "pkg" / "other.py", "VALUE = 2")
    main = write(project / "flows" / "main.py", "import helper\nimport flows.helper\nfrom pkg import part")
    module = load_file(main).module
    assert module.__name__ == "flows.main"
    assert (module.helper.VALUE, module.part.VALUE) == (1, 2)


def test_a_file_outside_the_current_folder_has_its_own_folder_as_root(project: Path) -> None:
    loaded = load_file(write(project.parent / "outside" / "flow.py"))
    assert loaded.root == project.parent / "outside"
    assert loaded.module.__name__ == "flow"


def test_loading_twice_gives_the_same_module(project: Path) -> None:
    path = write(project / "flow.py")
    assert load_file(path).module is load_file(path).module


def test_a_file_that_does_not_import_shows_the_users_traceback_only(project: Path) -> None:
    write(project / "broken.py", "import nothing_of_this_name\n")
    with pytest.raises(errors.ModuleLoadError) as caught:
        load_file(project / "broken.py")
    text = str(caught.value)
    assert text.startswith("broken.py does not import:\nTraceback (most recent call last):\n")
    assert "No module named 'nothing_of_this_name'" in text
    assert 'broken.py", line 1' in text
    assert "importlib" not in text
    assert "flyte/_" not in text


@pytest.mark.parametrize("source", ["def f(:\n", "import sys\nsys.exit(3)\n", "1/0\n"])
def test_whatever_ends_the_import_is_told(project: Path, source: str) -> None:
    with pytest.raises(errors.ModuleLoadError, match=r"bad\.py"):
        load_file(write(project / "bad.py", source))


def test_a_file_that_is_none_is_refused(project: Path) -> None:
    write(project / "my_example.py")
    with pytest.raises(
        FileNotFoundError, match=r"there is no file my_exmple\.py: did you mean 'my_example\.py'"
    ):
        load_file(Path("my_exmple.py"))
    with pytest.raises(ValueError, match="is a folder"):
        load_file(project)
    with pytest.raises(ValueError, match="is not a Python file"):
        load_file(Path("notes.txt"))


def test_a_task_that_the_bundle_lacks_is_told(project: Path) -> None:
    write(project / "flow.py")
    source = Source(module="flow", function="gone", file="flow.py")
    with pytest.raises(
        errors.ModuleLoadError, match=r"no task 'my_env\.gone' is declared; these are: my_env"
    ):
        load_task(source, "my_env.gone", project)
