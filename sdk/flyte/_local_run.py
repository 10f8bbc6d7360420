"""A run that happened in this process: over when you get it, with the face of one on the stack."""

from typing import Any, Literal

from flyte._outputs import ActionOutputs
from flyte._syncify import syncify
from flyte_schemas.phase import ActionPhase


class LocalRun:
    """A finished local run. One that failed raised its error instead."""

    def __init__(self, name: str, task_name: str, returned: Any, *, is_tuple: bool) -> None:
        self._name = name
        self._task_name = task_name
        self._outputs = ActionOutputs.of(returned, is_tuple=is_tuple)

    @property
    def name(self) -> str:
        return self._name

    @property
    def url(self) -> str:
        """Where the run is: nowhere but in this process."""
        return f"local://runs/{self._name}"

    @property
    def phase(self) -> ActionPhase:
        return ActionPhase.SUCCEEDED

    @property
    def status(self) -> str:
        """The phase in upper case."""
        return self.phase.name

    def __repr__(self) -> str:
        return f"<local run {self._name} of {self._task_name}: {self.status}>"

    async def _wait(self, quiet: bool = False, wait_for: Literal["terminal", "running"] = "terminal") -> None:
        """Return at once: the run is over."""

    async def _outputs_aio(self) -> ActionOutputs:
        """What the task returned."""
        return self._outputs

    async def _done(self) -> bool:
        """True: a local run is over when you get it."""
        return True

    wait = syncify(_wait)
    outputs = syncify(_outputs_aio)
    done = syncify(_done)
