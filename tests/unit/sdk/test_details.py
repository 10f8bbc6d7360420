"""Details of actions and runs: found by name and by id, and their values by types that one names."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

import flyte
from flyte import _session
from flyte._client import pictures
from flyte._client.actions import Action
from flyte._client.pictures import ActionDetails, RunDetails
from flyte._client.runs import Run
from flyte._plan import Plan
from flyte._raw_phase import RawPhase
from flyte.models import ActionID
from flyte_schemas.events import ActionQueued, ActionRequested, AttemptStarted, AttemptSucceeded, TaskDeployed
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import task_subject
from testkit.plane import KEY, TASK, Plane


@pytest.fixture
async def ended(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> Plane:
    """A run that has succeeded, of a task that is not deployed any more, and a client that knows it."""
    client = SimpleNamespace(bus=plane.bus, config=SimpleNamespace(project=KEY.project, domain=KEY.domain))
    monkeypatch.setattr(_session, "client", lambda: client)
    inputs = {"job": InlineLiteral(value={"x": 1}), "n": InlineLiteral(value=2)}
    await plane.happen(ActionRequested(task=TASK, inputs=inputs))
    await plane.happen(ActionQueued(attempt=1, pool="process"))
    await plane.happen(AttemptStarted(attempt=1, worker="w"))
    outputs = {"loss": InlineLiteral(value=0.5), "job": InlineLiteral(value={"x": 3})}
    await plane.happen(AttemptSucceeded(attempt=1, outputs=outputs))
    return plane


@dataclass
class Job:
    x: int


async def test_details_are_found_by_name_and_by_id(ended: Plane) -> None:
    by_name = await pictures._get_details(run_name=KEY.run, name="a0")
    by_id = await pictures._get_details_by_id(ActionID(name="a0", run_name=KEY.run))
    of_run = await pictures._get_run_details(KEY.run)
    of_its_id = await pictures._get_run_details_by_id(by_name.action_id)
    assert isinstance(by_name, ActionDetails) and isinstance(of_run, RunDetails)
    assert (by_name.name, by_id.name, of_run.name, of_its_id.name) == ("a0", "a0", KEY.run, KEY.run)
    assert of_run.action_details.name == of_run.action_id.name == "a0"
    assert (of_run.phase, by_id.raw_phase) == (ActionPhase.SUCCEEDED, RawPhase.SUCCEEDED)
    assert int(by_id.raw_phase) == 5
    with pytest.raises(ValueError, match="names no run"):
        await pictures._get_details_by_id(ActionID(name="a0"))
    with pytest.raises(ValueError, match="needs the name of a run"):
        await pictures._get_run_details()
    with pytest.raises(flyte.errors.ActionNotFoundError, match="has no action"):
        await pictures._get_details(run_name=KEY.run, name="a9")


async def test_details_are_watched_until_the_end(ended: Plane) -> None:
    seen = [details async for details in pictures._watch_by_id(ActionID(name="a0", run_name=KEY.run))]
    assert [details.done() for details in seen][-1]
    updates = [details async for details in seen[0]._watch_updates()]
    assert updates[-1].status == "SUCCEEDED"


async def test_values_of_a_task_that_is_gone_are_read_by_the_types_that_one_names(ended: Plane) -> None:
    run = Run(ended, KEY)
    assert await run._input_literals() == {"job": {"x": 1}, "n": 2}
    assert await run._output_literals() == {"job": {"x": 3}, "loss": 0.5}
    assert (await run._typed_inputs({"job": Job})).data == {"job": Job(1), "n": 2}
    typed = await run._typed_outputs([Job, float])
    assert typed.named_outputs == {"job": Job(3), "loss": 0.5}
    by_type = await run._typed_inputs({"job": Job}, {Job: lambda data: data["x"], "n": str})
    assert by_type.data == {"job": 1, "n": "2"}
    assert (await Action(ended, KEY.action("a0"))._typed_outputs({"loss": float}))[1] == 0.5
    with pytest.raises(TypeError, match="Type conversion failed for variable 'n'"):
        await run._typed_inputs({"n": Job})
    with pytest.raises(ValueError, match="there is no value 'm', only job, n"):
        await run._typed_inputs({"m": int})
    with pytest.raises(ValueError, match="1 types are given for 2 values"):
        await run._typed_inputs([int])


class Result(NamedTuple):
    loss: float
    model: str


def test_outputs_bear_the_names_that_a_named_tuple_gives_them() -> None:
    env = flyte.TaskEnvironment(name="named")

    @env.task
    def train() -> Result:
        return Result(0.5, "m")

    outputs = flyte.run(train).outputs()
    assert outputs == (0.5, "m")
    assert (outputs.loss, outputs.o1) == (0.5, "m")
    assert outputs.named_outputs == {"loss": 0.5, "model": "m"}
    assert str(outputs) == 'ActionOutputs(loss=0.5, model="m")'
    with pytest.raises(AttributeError, match="there is no output 'o2', only loss, model"):
        _ = outputs.o2


async def test_named_outputs_of_a_task_come_without_its_class_too(ended: Plane, plan: Plan) -> None:
    template = plan.templates[0]
    number = template.interface.inputs[0]
    outputs = tuple(number.model_copy(update={"name": name}) for name in ("first", "second"))
    interface = template.interface.model_copy(update={"outputs": outputs})
    template = template.model_copy(update={"interface": interface})
    deployed = TaskDeployed(version=TASK.version, digest=template.digest(), template=template)
    await ended.say(task_subject(KEY.project, KEY.domain, TASK.name), deployed)
    literals: dict[str, Any] = {"first": InlineLiteral(value=1), "second": InlineLiteral(value=2)}
    await ended.happen(ActionRequested(task=TASK, parent="a0"), "child")
    await ended.happen(ActionQueued(attempt=1, pool="process"), "child")
    await ended.happen(AttemptSucceeded(attempt=1, outputs=literals), "child")
    found = await Action(ended, KEY.action("child"))._outputs()
    assert (found.first, found.second, tuple(found)) == (1, 2, (1, 2))
    assert found.named_outputs == {"first": 1, "second": 2}


def test_ids_of_actions_give_ids_of_others() -> None:
    root = ActionID(name="a0", run_name="r1", project="p", domain="d")
    assert root.new_sub_action("child") == ActionID(name="child", run_name="r1", project="p", domain="d")
    assert root.new_sub_action().name != root.new_sub_action().name
    assert root.unique_id_str("salt") == "p-d-r1-a0-salt"
    assert ActionID.create_random() != ActionID.create_random()


def test_a_local_run_reads_its_values_by_types_too() -> None:
    env = flyte.TaskEnvironment(name="typed")

    @env.task
    def double(job: Job, n: int = 2) -> Job:
        return Job(job.x * n)

    run = flyte.run(double, Job(2))
    assert (run.input_literals(), run.output_literals()) == ({"job": {"x": 2}, "n": 2}, {"o0": {"x": 4}})
    assert run.typed_inputs({"n": float}).data == {"job": Job(2), "n": 2.0}
    assert run.typed_outputs(dict[str, int])[0] == {"x": 4}
    assert (run.raw_phase, run.get_debug_url()) == (RawPhase.SUCCEEDED, None)


async def test_a_watch_gives_a_picture_of_each_change_once_and_ends_with_the_run(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(ActionQueued(attempt=1, pool="process"))
    seen = []
    async for details in Run(plane, KEY)._watch(cache_data_on_done=True):
        seen.append(details.phase)
        if len(seen) == 1:  # what was there already is one picture
            assert details.phase is ActionPhase.WAITING_FOR_RESOURCES
            await plane.happen(AttemptStarted(attempt=1, worker="w"))
        else:
            outputs = {"o0": InlineLiteral(value=0.5)}
            await plane.happen(AttemptSucceeded(attempt=1, outputs=outputs))
    assert seen == [ActionPhase.WAITING_FOR_RESOURCES, ActionPhase.RUNNING, ActionPhase.SUCCEEDED]
    await plane.mine.close()
    assert (await details._outputs())[0] == 0.5
    assert await details._inputs() == {}
