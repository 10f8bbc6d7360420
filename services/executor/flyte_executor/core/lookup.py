"""What the cache says of an action that is about to run."""

from dataclasses import dataclass

from flyte_schemas.action import ActionState
from flyte_schemas.caching import CachedResult
from flyte_schemas.events import RunSettings
from flyte_schemas.literals import ReferencedLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import CacheRule
from flyte_schemas.subjects import ActionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """`hit`: the result that may be used. `is_computed_elsewhere`: another action computes it just now."""

    hit: CachedResult | None = None
    is_computed_elsewhere: bool = False


NOTHING = Lookup()


def is_asked_for(state: ActionState, rule: CacheRule, settings: RunSettings) -> bool:
    """Whether the cache has a say in what this action does next."""
    is_new = state.phase is ActionPhase.QUEUED and state.attempt == 0
    return is_new and _is_cached(rule, settings)


def is_worth_keeping(state: ActionState, rule: CacheRule, settings: RunSettings) -> bool:
    """Whether this action's result is to be kept for others."""
    has_computed = state.phase is ActionPhase.SUCCEEDED and not state.cached_from
    return has_computed and _is_cached(rule, settings)


def may_use(result: CachedResult, key: ActionKey) -> bool:
    """Whether a result can be used by an action: large values lie in their project's own store."""
    at_home = (result.project, result.domain) == (key.run.project, key.run.domain)
    return at_home or not any(isinstance(value, ReferencedLiteral) for value in result.outputs.values())


def _is_cached(rule: CacheRule, settings: RunSettings) -> bool:
    return rule.behavior != "disable" and not settings.disable_cache
