"""A run's events as a test writes them down, folded into the record that an explanation is made of."""

from datetime import timedelta

from flyte._explaining.explain import explain
from flyte._explaining.explanation import Explanation, Surroundings
from flyte._explaining.record import RunRecord
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    EventData,
    RunSettings,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.task import Policies, TaskReference
from testkit.events import MORNING, action, event
from testkit.tasks import template


class Story:
    """Happens event by event, each a second after the other, to the actions that are named."""

    def __init__(self, **policies: object) -> None:
        self.record = RunRecord()
        self.seconds = 0
        self._policies = Policies.model_validate(policies)

    def happens(self, name: str, *events: EventData) -> "Story":
        for data in events:
            self.seconds += 1
            happened = event(action(name), data, id=f"{name}.{self.seconds}", after_s=self.seconds)
            self.record.take(name, happened, self.seconds)
        return self

    def asked(self, name: str, parent: str | None = None, settings: RunSettings | None = None) -> "Story":
        """Somebody asks for the task `env.NAME`."""
        reference = TaskReference(name=f"env.{name}", version="v1")
        return self.happens(name, ActionRequested(task=reference, parent=parent, settings=settings))

    def runs(
        self,
        name: str,
        parent: str | None = None,
        attempt: int = 1,
        settings: RunSettings | None = None,
    ) -> "Story":
        """It is asked for (when it is its first attempt), placed and started."""
        if attempt == 1:
            self.asked(name, parent, settings)
        return self.happens(
            name,
            ActionQueued(attempt=attempt, pool="process"),
            AttemptPlaced(attempt=attempt, worker="host/1"),
            AttemptStarted(attempt=attempt, worker="host/1"),
        )

    def fails(self, name: str, failure: Failure, attempt: int = 1) -> "Story":
        """Its attempt fails; what follows is for the test to say."""
        return self.happens(name, AttemptFailed(attempt=attempt, failure=failure))

    def explained(self, name: str = "a0", after_s: float = 0.0, **around: object) -> Explanation:
        """The explanation `after_s` seconds after the last event."""
        tasks = {state.requested.task for state in self.record.fold.actions.values() if state.requested}
        surroundings = Surroundings(
            now=MORNING + timedelta(seconds=self.seconds + after_s),
            templates={task: template(task.name, policies=self._policies) for task in tasks},
            **around,  # type: ignore[arg-type]
        )
        return explain(self.record, "run", name, surroundings)


def failure(code: str = "ValueError", message: str = "no", **changes: object) -> Failure:
    """A failure of the task's own."""
    said = {"code": code, "kind": FailureKind.USER, "message": message}
    return Failure.model_validate(said | changes)
