"""Two runs held against each other: which calls are the same, and what of them differs."""

from datetime import timedelta
from typing import Any

import pytest

from flyte._comparing.compare import compare
from flyte._comparing.comparison import Comparison, Side
from flyte._comparing.document import document_of
from flyte._comparing.text import text_of
from flyte._explaining.record import RunRecord
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    TraceSucceeded,
)
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral
from flyte_schemas.policies import Policies
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import BundleReference, Resources, TaskReference, TaskTemplate
from testkit.events import MORNING
from testkit.record import failure
from testkit.tasks import template

LEFT, RIGHT = RunKey("p", "d", "left"), RunKey("p", "d", "right")


def ref(name: str, version: str = "v1") -> TaskReference:
    return TaskReference(name=f"env.{name}", version=version)


class Told:
    """A run, told call by call; every word comes a second after the one before it."""

    def __init__(self, run: RunKey, version: str = "v1", inputs: dict[str, Any] | None = None) -> None:
        self.run = run
        self.record = RunRecord()
        self.version = version
        self._count = 0
        self.begin("a0", "main", inputs=inputs or {}, parent=None)

    def say(self, action: str, data: EventData, after_s: float = 1.0) -> "Told":
        self._count += 1
        at = MORNING + timedelta(seconds=self._count + after_s)
        event = Event(id=f"e{self._count}", source="t", subject=f"s.{action}", time=at, data=data)
        self.record.take(action, event, self._count)
        return self

    def begin(
        self, action: str, task: str, *, inputs: dict[str, Any], parent: str | None = "a0", group: str = ""
    ) -> "Told":
        return self.say(
            action,
            ActionRequested(
                task=ref(task, self.version),
                parent=parent,
                group=group or None,
                inputs={name: InlineLiteral(value=value) for name, value in inputs.items()},
            ),
        ).say(action, ActionQueued(attempt=1, pool="process"))

    def gives(self, action: str, value: Any, attempt: int = 1, after_s: float = 1.0) -> "Told":
        outputs = {"o0": InlineLiteral(value=value)}
        return self.say(action, AttemptSucceeded(attempt=attempt, outputs=outputs), after_s)

    def call(self, action: str, task: str, gives: Any, group: str = "", **inputs: Any) -> "Told":
        return self.begin(action, task, inputs=inputs, group=group).gives(action, gives)

    def side(self, *templates: TaskTemplate) -> Side:
        found = {TaskReference(name=one.name, version=self.version): one for one in templates}
        return Side(run=self.run, record=self.record, templates=found)


def held(left: Told, right: Told) -> Comparison:
    return compare(left.side(), right.side())


def changes(found: Comparison) -> dict[str, dict[str, tuple[Any, Any]]]:
    """What differs, by the name of the call on the left (on the right, where only that has it)."""
    return {
        (one.left or one.right).name: {change.what: (change.left, change.right) for change in one.changes}  # type: ignore[union-attr]
        for one in found.actions
    }


def test_the_same_calls_are_alike_whatever_their_times() -> None:
    left = Told(LEFT).call("c1", "one", 1, x=1).gives("a0", 5)
    right = Told(RIGHT).call("c1", "one", 1, x=1).gives("a0", 5, after_s=1.4)
    found = held(left, right)
    assert (found.is_same, found.alike, found.actions) == (True, 2, ())
    assert text_of(found).endswith("Nothing differs but times: 2 calls are alike.")


def test_a_call_is_found_again_by_its_name_though_the_order_is_another() -> None:
    left = Told(LEFT).call("c1", "one", 1, x=1).call("c2", "one", 2, x=2)
    right = Told(RIGHT).call("c2", "one", 2, x=2).call("c1", "one", 1, x=1)
    assert held(left, right).is_same


def test_a_call_with_other_inputs_is_found_again_by_its_number_and_all_below_it() -> None:
    left, right = Told(LEFT), Told(RIGHT)
    left.call("l1", "one", 1, x=1).begin("l2", "one", inputs={"x": 2}).begin(
        "l2a", "two", inputs={}, parent="l2"
    )
    right.call("r1", "one", 1, x=8).begin("r2", "one", inputs={"x": 9}).begin(
        "r2a", "two", inputs={}, parent="r2"
    )
    found = held(left, right)
    assert changes(found) == {"l1": {"inputs.x": (1, 8)}, "l2": {"inputs.x": (2, 9)}}
    assert [one.right.name for one in found.actions if one.right] == ["r1", "r2"]
    assert found.alike == 2  # the root, and the call below the second


def test_calls_of_other_groups_are_no_match() -> None:
    left = Told(LEFT).call("l1", "one", 1, group="train", x=1)
    right = Told(RIGHT).call("r1", "one", 1, group="test", x=2)
    found = held(left, right)
    assert [(one.left is None, one.right is None) for one in found.actions] == [(False, True), (True, False)]
    assert "(l1): only in left, succeeded after" in text_of(found)
    assert "(r1): only in right, succeeded after" in text_of(found)


def test_what_only_the_second_run_has_called_stands_below_its_own_callers() -> None:
    left, right = Told(LEFT).begin("c1", "one", inputs={}), Told(RIGHT).begin("c1", "two", inputs={})
    right.begin("r1", "three", inputs={}, parent="c1")
    (found,) = [one for one in held(left, right).actions if one.left is None]
    assert found.path == ("env.main", "env.two")


def test_the_inputs_of_the_run_stand_by_themselves() -> None:
    found = held(Told(LEFT, inputs={"n": 3, "same": 1}), Told(RIGHT, inputs={"n": 4, "same": 1, "new": None}))
    assert [(one.what, one.left, one.right) for one in found.inputs] == [("n", 3, 4)]
    assert not found.actions
    assert "Inputs:\n  n: 3 -> 4" in text_of(found)


def test_an_outcome_differs_with_its_code_its_attempts_and_what_it_gave() -> None:
    lost = AttemptFailed(attempt=1, failure=failure("AgentLost"))
    left = Told(LEFT).begin("c", "one", inputs={}).say("c", lost)
    left.say("c", ActionRetried(attempt=1, reason="r")).say("c", ActionQueued(attempt=2, pool="p")).gives(
        "c", 1, 2
    )
    right = (
        Told(RIGHT)
        .begin("c", "one", inputs={})
        .say("c", AttemptFailed(attempt=1, failure=failure("ValueError")))
    )
    right.say("c", ActionFailed(failure=failure("ValueError")))
    found = changes(held(left, right))["c"]
    assert found["phase"] == ("succeeded", "failed")
    assert found["attempts"] == (2, 1)
    assert found["failed_attempts"] == (["AgentLost"], ["ValueError"])
    assert found["failure"][0] is None  # what a later attempt made good is no failure of the action
    assert found["failure"][1]["code"] == "ValueError"
    assert found["outputs.o0"] == (1, None)


def test_what_came_from_the_cache_has_no_attempts_to_compare() -> None:
    left = Told(LEFT).call("c", "one", 7)
    right = Told(RIGHT)
    right.say("c", ActionRequested(task=ref("one"), parent="a0"))
    right.say("c", ActionCacheHit(source="p/d/left/c", outputs={"o0": InlineLiteral(value=7)}))
    assert changes(held(left, right)) == {"c": {"from_cache": (False, True)}}


def test_a_duration_differs_only_when_it_is_far_longer() -> None:
    def took(run: RunKey, seconds: float) -> Told:
        told = Told(run).begin("c", "one", inputs={}).say("c", AttemptStarted(attempt=1, worker="w"))
        return told.gives("c", 1, after_s=seconds)

    assert held(took(LEFT, 10), took(RIGHT, 13)).is_same
    assert held(took(LEFT, 0.01), took(RIGHT, 0.9)).is_same
    assert changes(held(took(LEFT, 10), took(RIGHT, 30)))["c"].keys() == {"seconds"}


def test_steps_and_conditions_are_calls_as_well() -> None:
    def told(run: RunKey, answer: bool, value: int) -> Told:
        outputs = {"o0": InlineLiteral(value=value)}
        one = Told(run).say(
            "t1",
            TraceSucceeded(name="m.step", parent="a0", parent_attempt=1, started_at=MORNING, outputs=outputs),
        )
        one.say("ok", ConditionRequested(prompt="go?", parent="a0", parent_attempt=1))
        return one.say("ok", ConditionSignalled(value=answer))

    found = held(told(LEFT, True, 1), told(RIGHT, False, 2))
    assert changes(found) == {"t1": {"outputs.o0": (1, 2)}, "ok": {"outputs.o0": (True, False)}}
    assert {one.task for one in found.actions} == {"m.step", "condition ok"}


def test_large_values_are_compared_by_their_hashes() -> None:
    def told(run: RunKey, digit: str) -> Told:
        literal = ReferencedLiteral(
            uri=f"flyte://artifacts/p/d/{digit * 32}", sha256=digit * 64, size_bytes=70
        )
        return Told(run).say("a0", AttemptSucceeded(attempt=1, outputs={"o0": literal}))

    assert held(told(LEFT, "a"), told(RIGHT, "a")).is_same
    text = text_of(held(told(LEFT, "a"), told(RIGHT, "b")))
    assert "outputs.o0: 70 bytes (aaaaaaaaaaaa…) -> 70 bytes (bbbbbbbbbbbb…)" in text


def test_large_bytes_are_shown_as_other_large_values() -> None:
    def told(run: RunKey, digit: str) -> Told:
        place = {"uri": f"flyte://artifacts/p/d/{digit * 32}", "sha256": digit * 64, "size_bytes": 70}
        literal = InlineLiteral(value={"$payload": place})
        return Told(run).say("a0", AttemptSucceeded(attempt=1, outputs={"o0": literal}))

    text = text_of(held(told(LEFT, "a"), told(RIGHT, "b")))
    assert "outputs.o0: 70 bytes (aaaaaaaaaaaa…) -> 70 bytes (bbbbbbbbbbbb…)" in text


def test_of_another_version_it_is_said_what_differs_in_the_template() -> None:
    bundles = [
        BundleReference(uri=f"flyte://artifacts/p/d/{one * 32}", sha256=one * 64, md5=one * 32, size_bytes=1)
        for one in "ab"
    ]
    before = template("env.main").model_copy(update={"bundle": bundles[0], "resources": Resources(cpu="1")})
    after = template("env.main").model_copy(
        update={"bundle": bundles[1], "resources": Resources(cpu="2"), "image": "repo/x:2"}
        | {"policies": Policies(retries=3)}
    )
    found = compare(Told(LEFT, "v1").side(before), Told(RIGHT, "v2").side(after))
    (diff,) = found.tasks
    assert (diff.task, diff.left, diff.right) == ("env.main", ("v1",), ("v2",))
    named = {change.what: (change.left, change.right) for change in diff.changes}
    assert named["resources.cpu"] == ("1", "2")
    assert named["image"] == ("auto", "repo/x:2")
    assert named["policies.retries"] == (0, 3)
    assert named["code_bundle"] == ("a" * 64, "b" * 64)
    assert len(named) == 4
    assert "env.main: v1 -> v2" in text_of(found)


@pytest.mark.parametrize("given", [True, False])
def test_the_document_has_what_the_text_has(given: bool) -> None:
    found = held(
        Told(LEFT, inputs={"n": 1}).gives("a0", 1),
        Told(RIGHT, inputs={"n": 1 if given else 2}).gives("a0", 1),
    )
    document = document_of(found)
    assert document["is_same"] is given
    assert document["left"]["run"] == "left"
    assert document["right"]["phase"] == "succeeded"
    assert document["inputs"] == ([] if given else [{"what": "n", "left": 1, "right": 2}])
