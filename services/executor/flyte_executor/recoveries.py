"""Results of an earlier run: read from its log when an action of the run that recovers it is new.

One action is read at a time, by its name; so a source of a hundred thousand actions costs no memory, and a
restart has nothing to read again. What was found becomes a fact, and a replay needs the source no more.
"""

from collections.abc import Collection

from flyte_bus.errors import NoAnswer, Refusal
from flyte_bus.history import read_action
from flyte_bus.ports import Bus
from flyte_bus.templates import Templates
from flyte_executor.core.recovery import (
    gives_the_same,
    is_asked_for,
    is_the_same,
    outputs_missing,
    runs_again,
)
from flyte_executor.settings import STORE_PATIENCE_S
from flyte_schemas.action import ActionState
from flyte_schemas.artifacts import URI_PREFIX
from flyte_schemas.endpoints import CREATE_DOWNLOAD_LOCATION, CreateDownloadLocation
from flyte_schemas.events import ActionFailed, ActionRecovered
from flyte_schemas.failure_codes import ARTIFACT_NOT_FOUND
from flyte_schemas.literals import Literals, ReferencedLiteral
from flyte_schemas.recovery import Recovery
from flyte_schemas.subjects import ActionKey, RunKey


class Recoveries:
    """What earlier runs have to give."""

    def __init__(self, bus: Bus, templates: Templates) -> None:
        self._bus = bus
        self._templates = templates

    async def look(
        self, key: ActionKey, state: ActionState, above: Collection[str], recovery: Recovery
    ) -> ActionRecovered | ActionFailed | None:
        """The decision that a result of the source run brings, if there is one. Raises the bus's errors."""
        if not is_asked_for(state) or runs_again(key.action, above, recovery):
            return None
        run = RunKey(key.run.project, key.run.domain, recovery.run)
        source, _ = await read_action(self._bus.log, run.action(key.action))
        if not is_the_same(state, source) or not await self._fits(run, state, source):
            return None
        outputs = source.outputs or {}
        missing = await self._missing(run, outputs)
        if missing is None:
            return ActionRecovered(source=str(run.action(key.action)), outputs=outputs)
        if recovery.allow_missing_outputs:
            return None
        return ActionFailed(failure=outputs_missing(str(run.action(key.action)), missing))

    async def _fits(self, run: RunKey, state: ActionState, source: ActionState) -> bool:
        """Whether the callers of this action can read what the source's version of its task gave."""
        asked, before = state.requested, source.requested
        if asked is None or before is None or asked.task == before.task:
            return True
        new, old = await self._templates.find(run, asked.task), await self._templates.find(run, before.task)
        return new is not None and old is not None and gives_the_same(new.interface, old.interface)

    async def _missing(self, run: RunKey, outputs: Literals) -> str | None:
        """The first output that the artifact store says it does not have. One that is away says nothing, and
        nothing is asked about another place: a task may name what it likes, and is told of its own objects.
        """
        own = f"{URI_PREFIX}{run.project}/{run.domain}/"
        for literal in outputs.values():
            if not isinstance(literal, ReferencedLiteral) or not literal.uri.startswith(own):
                continue
            question = CreateDownloadLocation(uri=literal.uri)
            try:
                await self._bus.ask(CREATE_DOWNLOAD_LOCATION, question, timeout_s=STORE_PATIENCE_S)
            except Refusal as refusal:
                if refusal.failure.code == ARTIFACT_NOT_FOUND:
                    return literal.uri
            except NoAnswer:
                pass
        return None
