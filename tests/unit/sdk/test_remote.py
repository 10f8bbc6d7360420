"""What is on the stack, by name: deployed tasks, details of actions, values known by their schemas."""

from pathlib import Path
from typing import Any

import pytest

import flyte
import flyte.remote
from flyte import errors
from flyte._client.filters import Order, TimeFilter, order_of, phases_of
from flyte._client.lines import coming_lines, kept_lines
from flyte._client.phases import read_history
from flyte._client.pictures import ActionDetails
from flyte._loading import load_file
from flyte._plan import Plan
from flyte._runtime.convert import inputs_to_wire, outputs_from_wire
from flyte._runtime.described import DescribedCodec, Record, described_interface
from flyte._task_details import TaskDetails
from flyte_schemas.events import (
    ActionAborted,
    ActionQueued,
    ActionRequested,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    RunSettings,
)
from flyte_schemas.phase import ActionPhase
from testkit.plane import KEY, TASK, Plane

TYPES = """
import datetime
import enum
from dataclasses import dataclass, field
import flyte

env = flyte.TaskEnvironment(name="types")

class Color(enum.Enum):
    RED = "red"

@dataclass
class Inner:
    name: str

@dataclass
class Outer:
    inner: Inner
    many: list[Inner] = field(default_factory=list)

@env.task
def all_of(outer: Outer, color: Color, when: datetime.datetime, mixed: int | str, raw: bytes,
           pair: tuple[int, str], maybe: float | None = None) -> Outer:
    return outer
"""


# -- tasks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"version": "v1", "auto_version": "latest"},
        {"auto_version": "newest"},
    ],
)
def test_a_task_is_asked_for_by_exactly_one_version(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="version"):
        flyte.remote.Task.get("env.one", **asked)


def test_a_name_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"ENVIRONMENT\.FUNCTION"):
        flyte.remote.Task.get("one", version="v1")


def test_a_deployed_task_is_called_inside_a_task_by_name_only() -> None:
    task = flyte.remote.Task.get("env.one", version="v1")
    with pytest.raises(errors.RemoteTaskUsageError, match="inside a running task only"):
        task(x=1)
    with pytest.raises(errors.RemoteTaskUsageError, match="by name only"):
        task(1)
    with pytest.raises(errors.RemoteTaskUsageError, match="by name only"):
        flyte.run(task, 1)  # type: ignore[call-overload]


def test_a_local_run_has_no_deployed_tasks() -> None:
    env = flyte.TaskEnvironment(name="local")
    task = flyte.remote.Task.get("env.one", version="v1")

    @env.task
    async def parent() -> int:
        found: int = await task(x=1)
        return found

    with pytest.raises(ValueError, match="runs on the stack only"):
        flyte.with_runcontext(mode="local").run(task, x=1)
    with pytest.raises(errors.RuntimeUserError, match="this run is local") as caught:
        flyte.with_runcontext(mode="local").run(parent)
    assert caught.value.code == "ValueError"


def test_a_task_that_is_named_at_the_top_of_a_file_loads_no_client() -> None:
    import subprocess
    import sys

    code = "import flyte.remote, sys; flyte.remote.Task.get('a.b', version='v'); print('nats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_deployed_task_can_be_overridden(plan: Plan) -> None:
    details = TaskDetails("p", "d", "v1", plan.templates[0])
    assert details.overrides is None
    changed = details.override(retries=3, env_vars={"A": "1"})
    assert changed.overrides is not None
    assert changed.overrides.policies is not None
    assert (changed.overrides.policies.retries, changed.overrides.env_vars) == (3, {"A": "1"})
    assert (details.required_args, details.default_input_args) == (("x",), ())
    with pytest.raises(TypeError, match="colour"):
        flyte.remote.Task.get("env.one", version="v1").override(colour="red")


# -- values by their schemas ----------------------------------------------------------


def test_values_of_a_task_that_is_not_at_hand_travel_by_its_schemas(project: Path) -> None:
    import datetime

    from flyte._plan import make_plan

    (project / "flow.py").write_text(TYPES)
    task = load_file(Path("flow.py")).task("all_of")
    (template,) = make_plan([task.environment], project="p", domain="d").templates
    described = described_interface(template)
    when = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
    literals = inputs_to_wire(
        described,
        {
            "outer": {"inner": {"name": "a"}, "many": [{"name": "b"}]},
            "color": "RED",
            "when": when,
            "mixed": "text",
            "raw": b"abc",
            "pair": (1, "x"),
        },
    )
    from flyte._runtime.convert import inputs_from_wire

    native = inputs_from_wire(task.native_interface, literals)
    assert native["outer"].many[0].name == "b"
    assert (native["color"].name, native["when"], native["mixed"]) == ("RED", when, "text")
    assert (native["raw"], native["pair"], native["maybe"]) == (b"abc", (1, "x"), None)
    returned = outputs_from_wire(described, {"o0": literals["outer"]})
    assert isinstance(returned, Record)
    assert (returned.inner.name, returned["many"][0].name) == ("a", "b")
    with pytest.raises(AttributeError, match="there is no 'other'"):
        _ = returned.other
    with pytest.raises(TypeError, match="mixed"):
        inputs_to_wire(described, {"mixed": [1]})


@pytest.mark.parametrize(("on_the_wire", "what"), [("YWJj", "in the JSON"), (b"abc", "fetched")])
def test_bytes_of_a_described_task_are_read_from_the_wire_and_from_their_object(
    on_the_wire: str | bytes, what: str
) -> None:
    raw = {"type": "string", "contentEncoding": "base64", "x-flyte-form": "bytes"}
    assert DescribedCodec(raw).decode(on_the_wire) == b"abc", what


# -- actions ------------------------------------------------------------------------


async def test_the_details_of_an_action_tell_its_phases(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK, settings=RunSettings(labels={"a": "b"})))
    await plane.happen(ActionQueued(attempt=1, pool="process"))
    await plane.happen(AttemptPlaced(attempt=1, worker="w"))
    await plane.happen(AttemptStarted(attempt=1, worker="w"))
    await plane.happen(AttemptSucceeded(attempt=1, outputs={}))
    action = KEY.action("a0")
    details = ActionDetails(plane, action, await read_history(plane.mine, action))
    stays = details.get_phase_transitions()
    assert [stay.phase for stay in stays] == [
        ActionPhase.QUEUED,
        ActionPhase.WAITING_FOR_RESOURCES,
        ActionPhase.INITIALIZING,
        ActionPhase.RUNNING,
        ActionPhase.SUCCEEDED,
    ]
    assert sum((stay.duration for stay in stays), start=stays[0].duration * 0) == details.runtime
    assert (details.labels, details.attempts, details.error_info, details.done()) == (
        {"a": "b"},
        1,
        None,
        True,
    )
    assert details.to_dict()["phases"][0]["phase"] == "queued"


async def test_the_details_of_an_aborted_action_say_who_and_why(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(ActionAborted(reason="enough", requested_by="somebody"))
    action = KEY.action("a0")
    details = ActionDetails(plane, action, await read_history(plane.mine, action))
    assert details.abort_info is not None
    assert (details.abort_info.reason, details.abort_info.by) == ("enough", "somebody")
    with pytest.raises(errors.ActionAbortedError, match="enough"):
        await details._outputs()


async def test_an_action_that_nobody_asked_for_has_no_details(plane: Plane) -> None:
    with pytest.raises(errors.ActionNotFoundError, match="has no action"):
        await read_history(plane.mine, KEY.action("a7"))


async def test_lines_are_kept_and_followed(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(ActionQueued(attempt=1, pool="process"))
    await plane.write("one\ntw")
    end = await plane.write("o\nlast")
    kept = await kept_lines(plane.mine, KEY.action("a0"))
    assert [line.text for line in kept] == ["one", "two", "last"]
    assert kept[0].at is not None
    await plane.happen(AttemptSucceeded(attempt=1, outputs={}, log_end=end))
    coming = [line.text async for line in coming_lines(plane.mine, KEY.action("a0"))]
    assert coming == ["one", "two", "last"]


# -- filters ------------------------------------------------------------------------


def test_phases_are_given_in_several_ways() -> None:
    assert (
        phases_of("FAILED") == phases_of(ActionPhase.FAILED) == phases_of(["failed"]) == (ActionPhase.FAILED,)
    )
    with pytest.raises(ValueError, match="there is no phase 'fialed': did you mean 'failed'"):
        phases_of("fialed")


def test_times_without_a_zone_are_the_machines() -> None:
    import datetime

    moment = datetime.datetime(2024, 1, 2)
    asked = TimeFilter(after=moment)
    assert asked.admits((moment + datetime.timedelta(hours=1)).astimezone())
    assert not asked.admits((moment - datetime.timedelta(hours=1)).astimezone())
    assert not asked.admits(None)
    assert order_of(("updated_at", "asc")) == Order(by="updated_at", ascending=True)
    assert order_of(None) == Order()
    with pytest.raises(ValueError, match="name"):
        order_of(("name", "asc"))
