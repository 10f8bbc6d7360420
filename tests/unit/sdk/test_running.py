"""What a run can be told: the options of `with_runcontext`, and of `flyte run`, and where they end up."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

import flyte
from flyte import _session, errors
from flyte._client.runs import Run
from flyte._client.starting import start_run
from flyte._config import ClientConfig
from flyte._dry_run import DryRun
from flyte._loading import load_file
from flyte._run_options import log_variables
from flyte_schemas.events import AbortAction, ActionRequested, RunSettings, StartRun
from testkit.plane import KEY, TASK, Plane

SOURCE = """
import flyte
env = flyte.TaskEnvironment(name="env")

@env.task
def one(x: int, y: int = 2) -> int:
    return x + y
"""


@pytest.fixture
def one(project: Path) -> Any:
    (project / "flow.py").write_text(SOURCE)
    return load_file(Path("flow.py")).task("one")


async def test_what_is_said_of_a_run_travels_with_its_request(plane: Plane) -> None:
    settings = RunSettings(labels={"a": "b"}, queue="fast")
    await start_run(plane.mine, KEY, TASK, {}, settings=settings, custom_context={"t": "u"})
    ((_, data),) = await plane.requests()
    assert isinstance(data, StartRun)
    assert (data.settings, data.custom_context) == (settings, {"t": "u"})


async def test_an_abort_is_one_request(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await Run(plane, KEY)._abort("enough")
    ((_, data),) = await plane.requests()
    assert isinstance(data, AbortAction)
    assert (data.action, data.reason) == ("a0", "enough")


async def test_nobody_can_abort_what_the_log_does_not_know(plane: Plane) -> None:
    with pytest.raises(errors.RuntimeUserError, match="has no run") as caught:
        await Run(plane, KEY)._abort()
    assert caught.value.code == "RunNotFound"
    assert await plane.requests() == []


async def test_a_run_that_this_client_just_asked_for_can_be_aborted(plane: Plane) -> None:
    request_id = await start_run(plane.mine, KEY, TASK, {})
    await Run(plane, KEY, request_id=request_id)._abort()
    assert [type(data).__name__ for _, data in await plane.requests()] == ["StartRun", "AbortAction"]


def test_a_dry_run_plans_and_sends_nothing(one: Any) -> None:
    run: Any = flyte.with_runcontext(dry_run=True, labels={"a": "b"}).run(one, 1)
    assert isinstance(run, DryRun)
    assert (run.name, run.task_name, run.inputs, run.status) == (
        "dry-run",
        "env.one",
        {"x": 1, "y": 2},
        "DRY_RUN",
    )
    assert run.settings.labels == {"a": "b"}
    with pytest.raises(RuntimeError, match="only planned"):
        run.outputs()


def test_a_local_run_has_the_face_of_one_on_the_stack(one: Any) -> None:
    run = flyte.with_runcontext(mode="local", name="here", labels={"a": "b"}).run(one, 1)
    run.wait()
    run.abort()
    assert (run.name, run.status, run.outputs().o0, dict(run.inputs())) == (
        "here",
        "SUCCEEDED",
        3,
        {"x": 1, "y": 2},
    )
    assert run.to_dict()["metadata"]["labels"] == {"a": "b"}
    assert (run.logs(), list(run.get_logs()), run.done()) == ("", [], True)
    assert "SUCCEEDED" in run._repr_html_()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"mode": "hybrid"}, NotImplementedError),
        ({"mode": "elsewhere"}, ValueError),
        ({"notifications": ["x"]}, TypeError),
        ({"copy_bundle_to": "x"}, NotImplementedError),
        ({"tracked": True}, NotImplementedError),
        ({"labels": ["a"]}, TypeError),
        ({"custom_context": {"a": 1}}, TypeError),
        ({"max_action_concurrency": 0}, ValueError),
        ({"cache_lookup_scope": "nowhere"}, ValueError),
        ({"log_format": "xml"}, ValueError),
        ({"name": "a b"}, ValueError),
    ],
)
def test_a_bad_option_of_a_run_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        flyte.with_runcontext(**options)


def test_levels_of_logging_travel_as_variables() -> None:
    assert log_variables(10, "json", "info", reset_root=True) == {
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "USER_LOG_LEVEL": "INFO",
        "FLYTE_RESET_ROOT_LOGGER": "1",
    }
    assert log_variables(None, "console", None, reset_root=False) == {}


def test_blocking_streams_work_beside_a_running_loop(one: Any) -> None:
    async def notebook() -> list[str]:
        run = flyte.run(one, 1)
        return [*run.get_logs(), *[line async for line in run.get_logs.aio()]]

    assert asyncio.run(notebook()) == []


@pytest.mark.parametrize(
    "words",
    [{"force_rerun_actions": ["a1"]}, {"allow_missing_source_outputs": True}],
    ids=["actions to run again", "missing outputs"],
)
def test_what_concerns_a_recovery_is_refused_without_one(words: dict[str, Any]) -> None:
    _session.configure(ClientConfig(endpoint="nats://127.0.0.1:1"))
    for rerun in (flyte.rerun, flyte.with_runcontext().rerun):
        with pytest.raises(ValueError, match="everything runs again"):
            rerun("r1", **words)


def test_a_script_is_refused_by_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flyte._cli.main import main

    monkeypatch.setattr(sys, "argv", ["flyte", "run", "python-script", "x.py"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    assert "python-script is not supported" in " ".join(capsys.readouterr().err.split())


def test_what_was_only_planned_has_the_face_of_a_run(project: Path) -> None:
    (project / "flow.py").write_text(
        "import flyte\nenv = flyte.TaskEnvironment('env')\n@env.task\ndef one(x: int) -> int:\n    return x\n"
    )
    task = load_file(Path("flow.py")).task("one")
    planned = flyte.with_runcontext("remote", dry_run=True).run(task, 1)
    assert (planned.done(), planned.wait(), planned.name) == (False, None, "dry-run")
    with pytest.raises(RuntimeError, match="has no outputs"):
        planned.outputs()


def test_a_run_cannot_be_run_again_here() -> None:
    with pytest.raises(ValueError, match="leave out mode='local'"):
        flyte.with_runcontext("local").rerun("r1")
