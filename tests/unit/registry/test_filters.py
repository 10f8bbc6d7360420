"""What a question for runs asks of them, against the real read model."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flyte_registry.core.rows import RunRow, TaskRow, fold_run
from flyte_registry.read_model import ReadModel
from flyte_schemas.endpoints import ListRuns, ListTasks
from flyte_schemas.envelope import Event
from flyte_schemas.events import ActionAborted, ActionRequested, EventData, RunSettings
from flyte_schemas.subjects import RunKey, action_subject
from flyte_schemas.task import TaskReference
from testkit.tasks import template

MORNING = datetime(2024, 1, 2, 6, 0, 0, tzinfo=UTC)


def row(name: str, sequence: int, task: str, labels: dict[str, str], *, aborted: bool = False) -> RunRow:
    """A run that was asked for `sequence` hours after the morning began."""
    key = RunKey("p", "d", name)
    settings = RunSettings(labels=labels) if labels else None
    reference = TaskReference(name=task, version=f"v{sequence}")
    happened: list[EventData] = [
        ActionRequested(task=reference, settings=settings, requested_by=f"u{sequence}")
    ]
    happened += [ActionAborted(reason="enough")] if aborted else []
    found = RunRow(key=key)
    for number, data in enumerate(happened):
        event = Event(
            id=f"{name}.{number}",
            source="/test",
            subject=action_subject(key.action("a0")),
            time=MORNING + timedelta(hours=sequence),
            data=data,
        )
        found = fold_run(found, key.action("a0"), event, sequence + 100 * number)
    return found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["r3", "r2", "r1"]),
        ({"in_phase": ("queued",)}, ["r2", "r1"]),
        ({"in_phase": ("aborted", "failed")}, ["r3"]),
        ({"task_name": "env.one"}, ["r2", "r1"]),
        ({"task_version": "v2"}, ["r2"]),
        ({"requested_by": "u3"}, ["r3"]),
        ({"requested_after": MORNING + timedelta(hours=1, minutes=30)}, ["r3", "r2"]),
        ({"requested_before": MORNING + timedelta(hours=1, minutes=30)}, ["r1"]),
        ({"labels": {"team": "a"}}, ["r2", "r1"]),
        ({"labels": {"team": "a", "kind": "x' OR 1=1"}}, ["r2"]),
        ({"label_keys": ("kind",)}, ["r2"]),
        ({"label_keys": ("nothing",)}, []),
        ({"paused_only": True}, ["r2"]),
        ({"updated_after": MORNING + timedelta(hours=2, minutes=30)}, ["r3"]),
        ({"updated_before": MORNING + timedelta(hours=2, minutes=30)}, ["r2", "r1"]),
        ({"ascending": True}, ["r1", "r2", "r3"]),
        ({"sort_by": "updated_at"}, ["r3", "r2", "r1"]),
        ({"sort_by": "updated_at", "ascending": True}, ["r1", "r2", "r3"]),
    ],
)
def test_a_run_is_listed_when_it_meets_all_that_is_asked(
    tmp_path: Path, asked: dict[str, Any], found: list[str]
) -> None:
    model = ReadModel(tmp_path / "model.sqlite")
    try:
        model.runs.put(row("r1", 1, "env.one", {"team": "a"}))
        waits = replace(row("r2", 2, "env.one", {"team": "a", "kind": "x' OR 1=1"}), paused=frozenset({"ok"}))
        model.runs.put(waits)
        model.runs.put(replace(row("r3", 3, "env.two", {}, aborted=True), paused=frozenset({"ok"})))
        question = ListRuns(project="p", domain="d", **asked)
        assert [one.summary.name for one in model.runs.listed(question, 10)] == found
    finally:
        model.close()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["other.c v1", "env.a v2", "env.b v1"]),
        ({"environment": "env"}, ["env.a v2", "env.b v1"]),
        ({"entrypoint": True}, ["env.a v2"]),
        ({"entrypoint": False, "ascending": True}, ["env.b v1", "other.c v1"]),
        ({"name": "env.a"}, ["env.a v2", "env.a v1"]),
        ({"name": "env.a", "entrypoint": False}, ["env.a v1"]),
        ({"limit": 1, "environment": "env"}, ["env.a v2"]),
    ],
)
def test_a_task_is_listed_by_its_latest_version_when_it_meets_all_that_is_asked(
    tmp_path: Path, asked: dict[str, Any], found: list[str]
) -> None:
    model = ReadModel(tmp_path / "model.sqlite")
    try:
        for sequence, (name, version) in enumerate(
            [("env.a", "v1"), ("env.b", "v1"), ("env.a", "v2"), ("other.c", "v1")], start=1
        ):
            is_entrypoint = (name, version) == ("env.a", "v2")
            model.tasks.put(
                TaskRow(
                    project="p",
                    domain="d",
                    name=name,
                    version=version,
                    sequence=sequence,
                    deployed_at=MORNING,
                    template=template(name, entrypoint=is_entrypoint),
                )
            )
        question = ListTasks(project="p", domain="d", **asked)
        listed = [task for task, _ in model.tasks.listed(question, question.limit, as_of=4)]
        assert [f"{task.name} {task.version}" for task in listed] == found
        assert {task.entrypoint for task in listed} == {task.version == "v2" for task in listed}
    finally:
        model.close()
