"""A run that was only planned: what would have been sent, with as much of a run's face as makes sense."""

from dataclasses import dataclass, field
from typing import Any

from flyte._plan import Plan
from flyte._syncify import syncify
from flyte_schemas.events import RunSettings
from flyte_schemas.subjects import ROOT_ACTION


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """Nothing was sent. `inputs` are JSON data; `plan` is None for a task that is deployed already."""

    name: str
    task_name: str
    version: str
    inputs: dict[str, Any]
    settings: RunSettings
    env_vars: dict[str, str] = field(default_factory=dict)
    plan: Plan | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Nowhere."""
        return ""

    @property
    def action_name(self) -> str:
        return ROOT_ACTION

    @property
    def phase(self) -> None:
        """None: it never began."""
        return None

    @property
    def status(self) -> str:
        return "DRY_RUN"

    async def _done(self) -> bool:
        """False: it never began."""
        return False

    async def _wait(self, quiet: bool = False, wait_for: str = "terminal") -> None:
        """Return at once: nothing runs."""

    async def _outputs(self) -> None:
        """Raises RuntimeError: there are none."""
        raise RuntimeError("this run was only planned (dry_run=True): it has no outputs")

    done = syncify(_done)
    wait = syncify(_wait)
    outputs = syncify(_outputs)
