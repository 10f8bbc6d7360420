"""What simulated tasks leave beside their value: a report, and checkpoints for the attempts that follow.

A checkpoint that stood in the log while its attempt was open counts for every later attempt: that one or a
later one is found, whatever copies of earlier words the network had held back.
"""

from typing import TYPE_CHECKING

from flyte_agent.outbox import Outbox
from flyte_agent.reports import Reports
from flyte_bus.history import read_action
from flyte_bus.ports import EventLog
from flyte_schemas.action import ActionState
from flyte_schemas.events import AttemptCheckpointed, AttemptReported
from flyte_schemas.orders import Order

if TYPE_CHECKING:
    from testkit.simulation.machine import Machine

CHECKPOINTS = 2
"""How many an attempt saves, if its task saves any."""
SHA256 = "0" * 64


class Saving:
    """What one attempt saves, and what it finds saved."""

    def __init__(
        self, machine: "Machine", log: EventLog, order: Order, reports: Reports, outbox: Outbox
    ) -> None:
        self._machine = machine
        self._log = log
        self._order = order
        self._reports = reports
        self._outbox = outbox

    def load(self, state: ActionState) -> None:
        """Look at what earlier attempts have saved, as the agent tells it to the task."""
        key = self._order.key.action
        wanted = self._machine.saved.get(key)
        found = state.checkpoint.uri if state.checkpoint else None
        if wanted is None or _place(wanted)[0] >= self._order.attempt:  # we have been overtaken
            return
        if found is None or _place(found) < _place(wanted):
            self._machine.wrongs.append(f"{self._order.key} finds {found}, and {wanted} was saved before it")

    async def save(self) -> None:
        """Save a little, and again, and report."""
        number, key = self._order.attempt, self._order.key.action
        for serial in range(1, CHECKPOINTS + 1):
            uri = f"memory:{key}/{number}/{serial}"
            saved = AttemptCheckpointed(attempt=number, uri=uri, sha256=SHA256, size_bytes=1, name="work")
            await self._reports.numbered(saved)
            await self._outbox.flush()
            state, _ = await read_action(self._log, key)
            if state.has_open_attempt and state.worker == self._reports.worker:
                self._machine.saved[key] = uri
        report = AttemptReported(attempt=number, uri=f"memory:{key}/{number}", sha256=SHA256, size_bytes=1)
        await self._reports.numbered(report)


def _place(uri: str) -> tuple[int, int]:
    """Attempt and serial of a checkpoint: the later it was saved the greater."""
    _, attempt, serial = uri.rsplit("/", 2)
    return int(attempt), int(serial)
