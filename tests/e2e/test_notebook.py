"""A notebook: cells run on an event loop that is running, and blocking calls work there all the same."""

from pathlib import Path
from typing import Any

import pytest

from testkit.cli import clean_environment

MODULE = """
import flyte

env = flyte.TaskEnvironment(name="notebook")


@env.task
def square(x: int) -> int:
    print("squaring", x)
    return x * x
"""

CELLS = (
    "import flyte\nimport flow\nflyte.init_from_config()",
    "run = flyte.run(flow.square, x=4)\nrun.wait()\nprint(run.status, run.outputs().o0)",
    "again = await flyte.run.aio(flow.square, x=5)\nawait again.wait.aio()\n"
    "print((await again.outputs.aio()).o0)",
    "lines = [line async for line in again.get_logs.aio()]\nprint(lines, list(run.get_logs()))",
    "run",
)


def document(cells: tuple[str, ...]) -> dict[str, Any]:
    """A notebook as it stands in its file."""
    code: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    listed = [{**code, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": listed}


@pytest.fixture
def kernel_variables(monkeypatch: pytest.MonkeyPatch, stack_home: Path) -> None:
    """A kernel inherits what this process has."""
    for name, value in clean_environment(FLYTE_HOME=str(stack_home)).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("kernel_variables")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_runs_tasks_on_the_stack(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(MODULE)
    import nbformat  # loaded by who runs this test: the schemas that it brings take seconds
    from nbclient import NotebookClient

    notebook = nbformat.from_dict(document(CELLS))  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    texts = ["".join(out.get("text", "") for out in cell.outputs) for cell in notebook.cells]
    assert "squaring 4\n" in texts[1]
    assert texts[1].endswith("SUCCEEDED 16\n")
    assert texts[2].endswith("25\n")
    assert texts[3] == "['squaring 5'] ['squaring 4']\n"
    (shown,) = notebook.cells[4].outputs
    assert "SUCCEEDED" in shown["data"]["text/html"]
