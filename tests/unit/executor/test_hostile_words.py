"""Requests and tasks that say what nobody's SDK says: they fail by themselves, and everybody else goes on."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from flyte_executor.backends.containers import image_of, resource_words
from flyte_executor.backends.port import Launch, LaunchFailed
from flyte_schemas.envelope import encode
from flyte_schemas.events import StartRun
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey, run_request
from flyte_schemas.task import Resources
from testkit.events import event
from testkit.executor_plane import Plane, rejections
from testkit.pods import launch
from testkit.scripted_backend import TASK, ScriptedBackend

HUGE = "9" * 25


async def send(plane: Plane, overrides: dict[str, Any]) -> None:
    """A request as no SDK makes it."""
    subject = run_request(RunKey("project", "domain", "hostile"), "mallory")
    document = orjson.loads(encode(event(subject, StartRun(task=TASK))))
    document["data"]["overrides"] = overrides
    await plane.bus.log.copy(subject, orjson.dumps(document), expected=0)


async def others_go_on(plane: Plane) -> None:
    run = await plane.start("honest")
    assert (await plane.settled(run)).phase is ActionPhase.SUCCEEDED


@pytest.mark.parametrize(
    "overrides",
    [
        {"policies": {"retries": HUGE}},
        {"max_inline_io_bytes": HUGE},
        {"reuse": {"min_replicas": 0, "max_replicas": HUGE, "idle_ttl_s": 1, "scaledown_ttl_s": 1}},
    ],
)
async def test_a_number_that_no_event_can_hold_is_set_aside(plane: Plane, overrides: dict[str, Any]) -> None:
    await plane.executor()
    await send(plane, overrides)
    await others_go_on(plane)
    assert len(await rejections(plane)) == 1


async def test_a_request_that_breaks_us_is_set_aside(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = StartRun.model_copy

    def broken(self: StartRun, **more: Any) -> StartRun:
        if self.overrides is not None:
            raise TypeError("nobody thought of this")
        return asked(self, **more)

    monkeypatch.setattr(StartRun, "model_copy", broken)
    await plane.executor()
    await send(plane, {"max_inline_io_bytes": 1})
    await others_go_on(plane)
    (reason,) = await rejections(plane)
    assert reason == "this is a bug in flyte: TypeError('nobody thought of this')"


@pytest.mark.parametrize(
    "error", [TypeError("unhashable"), RecursionError(), OSError("too long"), LaunchFailed("x" * 3_000_000)]
)
async def test_a_launch_that_breaks_fails_its_own_attempt(plane: Plane, error: Exception) -> None:
    class Breaking(ScriptedBackend):
        async def launch(self, launch: Launch) -> None:
            if launch.attempt.action.run.run == "hostile":
                raise error
            await super().launch(launch)

    await plane.executor(backend=lambda _: Breaking(plane.machine))
    run = await plane.start("hostile")
    state = await plane.settled(run)
    assert state.phase is ActionPhase.FAILED and state.failure is not None
    assert len(state.failure.message) < 20_000
    await others_go_on(plane)


@pytest.mark.parametrize("image", ["--env-file=/etc/passwd", "-v", "a b", "a" * 2_000, "\U000e0001" * 9_000])
def test_an_image_is_no_option_of_the_engine(image: str) -> None:
    with pytest.raises(LaunchFailed, match="no image's address") as refused:
        image_of(replace(launch(), template=launch().template.model_copy(update={"image": image})), "")
    assert len(str(refused.value)) < 4_000


@pytest.mark.parametrize("amount", ["9" * 400, "9" * 5_000, f"0.{'1' * 5_000}"])
def test_an_amount_of_many_digits_is_none(amount: str) -> None:
    with pytest.raises(LaunchFailed, match="no amount"):
        resource_words(Resources.model_construct(cpu=amount))
