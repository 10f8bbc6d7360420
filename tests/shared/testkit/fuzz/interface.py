"""The console's interface to whoever is signed in: what its OpenAPI document suggests, by schemathesis."""

import asyncio

from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup

from flyte_console.settings import ConsoleSettings
from testkit.console import KNOWN, World, world_in
from testkit.console_fuzz import Interface, unhurried
from testkit.fuzz.chooser import Chooser
from testkit.fuzz.entry import Broken, Entry

EXAMPLES = 3
"""Requests of one kind for each input."""
LIMITS = ConsoleSettings(
    bunch_s=0.0, list_bunch_s=0.0, heartbeat_s=0.2, linger_s=0.05, last_look_s=0.05, max_opened=1_000_000
)


class ConsoleInterface(Entry):
    """Each answer is one that the document has, whatever is asked; `counts` has how often which was given."""

    name = "console-interface"
    renewed_after = 200
    gains_files = 20

    async def open(self) -> None:
        self.world: World = await self.stack.enter_async_context(world_in(self.folder, LIMITS))
        token = await self.world.token()
        self.interface = await asyncio.to_thread(Interface, self.world.console.url, token, KNOWN)
        self.counts = self.interface.statuses

    async def feed(self, chooser: Chooser) -> None:
        operation = chooser.pick(self.interface.operations)
        mode = chooser.pick(tuple(GenerationMode))
        names = self.interface.names_for(operation) if chooser.one_in(2) else {}
        chance = int.from_bytes(chooser.bytes(6), "big")
        token, like = await self.world.token(), unhurried(EXAMPLES, shrinks=False)
        try:
            await asyncio.to_thread(self.interface.ask, operation, mode, names, token, like, chance)
        except FailureGroup as error:
            told = "; ".join(str(one) for one in error.exceptions)
            raise Broken(f"{operation.label}: {told}") from error
