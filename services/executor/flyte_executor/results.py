"""The cache of results: looked into before an action's first attempt, filled after a success.

It is a bucket beside the log: what is missing there is computed once more, never wrong. Of several identical
calls that are serialized, one takes the reservation; whether its holder lives is told by the log, so the
reservation of an action that has ended binds nobody.
"""

from collections import defaultdict

import structlog
from pydantic import ValidationError

from flyte_bus.errors import Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import Bus
from flyte_executor.core.lookup import (
    NOTHING,
    Lookup,
    is_asked_for,
    is_worth_keeping,
    may_use,
)
from flyte_schemas.action import ActionState
from flyte_schemas.caching import GLOBAL, CachedResult, bucket_keys, cache_key, reservation_key
from flyte_schemas.events import RunSettings
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import CACHE_BUCKET
from flyte_schemas.subjects import ActionKey, RunKey
from flyte_schemas.task import TaskTemplate

log = structlog.get_logger()


class Results:
    """What was computed before, and who waits for what is being computed. `widest`: the scope that results
    have at most, whatever a run asks for.
    """

    def __init__(self, bus: Bus, widest: str = GLOBAL) -> None:
        self._widest = widest
        self._log = bus.log
        self._bucket = bus.bucket(CACHE_BUCKET)
        self._waiting: dict[ActionKey, dict[ActionKey, None]] = defaultdict(dict)

    async def look(
        self, key: ActionKey, state: ActionState, template: TaskTemplate, settings: RunSettings
    ) -> Lookup:
        """What the cache says of an action that waits for its first attempt. Raises the bus's errors."""
        rule = template.policies.cache
        if state.requested is None or not is_asked_for(state, rule, settings):
            return NOTHING
        digest = cache_key(template.name, template.interface, rule, state.requested.inputs)
        place = bucket_keys(key, digest)[self._scope(settings)]
        if not settings.overwrite_cache and (hit := await self._read(place, key)) is not None:
            return Lookup(hit=hit)
        if not rule.serialize:
            return NOTHING
        return await self._reserve(reservation_key(place), key, anew=settings.overwrite_cache)

    async def keep(
        self, key: ActionKey, state: ActionState, template: TaskTemplate, settings: RunSettings
    ) -> None:
        """Keep the result of an action that succeeded, if its task wants that. Raises the bus's errors."""
        rule = template.policies.cache
        if state.requested is None or not is_worth_keeping(state, rule, settings):
            return
        result = _result(key, state)
        digest = cache_key(template.name, template.interface, rule, state.requested.inputs)
        for scope, place in bucket_keys(key, digest).items():
            if self._widest in (GLOBAL, scope):
                await self._bucket.put(place, result.model_dump_json().encode())
        log.info("executor.result.kept", action=str(key), key=digest)

    def _scope(self, settings: RunSettings) -> str:
        return settings.cache_scope or GLOBAL if self._widest == GLOBAL else self._widest

    def waited_for(self, key: ActionKey) -> tuple[ActionKey, ...]:
        """The actions that may go on because this one has ended, in the order in which they came."""
        return tuple(self._waiting.pop(key, ()))

    def _wait_no_more(self, key: ActionKey, holder: ActionKey) -> None:
        waiting = self._waiting[holder]
        waiting.pop(key, None)
        if not waiting:
            del self._waiting[holder]

    async def _read(self, place: str, key: ActionKey) -> CachedResult | None:
        entry = await self._bucket.get(place)
        if entry is None or entry.value is None:
            return None
        try:
            result = CachedResult.model_validate_json(entry.value)
        except ValidationError as error:
            log.warning("executor.result.unreadable", key=place, error=str(error))
            return None
        return result if may_use(result, key) else None

    async def _reserve(self, place: str, key: ActionKey, *, anew: bool) -> Lookup:
        """Take the reservation, unless a living action has it; what its holder has computed is a hit.

        Not for a run that computes `anew`, unless the holder is of the same run.
        """
        try:
            await self._bucket.create(place, str(key).encode())
            return NOTHING
        except Conflict:
            entry = await self._bucket.get(place)
        holder = None if entry is None or entry.value is None else _action_named(entry.value)
        if entry is None or holder is None or holder == key:
            return NOTHING
        self._waiting[holder][key] = None  # first: the holder may end while we look
        state, _ = await read_action(self._log, holder)
        if state.is_live:
            return Lookup(is_computed_elsewhere=True)
        self._wait_no_more(key, holder)
        result = _result(holder, state)
        is_fresh = not anew or holder.run == key.run
        if state.phase is ActionPhase.SUCCEEDED and is_fresh and may_use(result, key):
            return Lookup(hit=result)
        try:
            await self._bucket.update(place, str(key).encode(), revision=entry.revision)
        except Conflict:
            return await self._reserve(place, key, anew=anew)  # somebody was faster, and may be alive
        return NOTHING


def _result(key: ActionKey, state: ActionState) -> CachedResult:
    run = key.run
    return CachedResult(
        project=run.project, domain=run.domain, run=run.run, action=key.action, outputs=state.outputs or {}
    )


def _action_named(value: bytes) -> ActionKey | None:
    match value.decode(errors="replace").split("/"):
        case [project, domain, run, action]:
            return ActionKey(RunKey(project, domain, run), action)
        case _:
            return None
