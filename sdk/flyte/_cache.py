"""Caching of results: whether, and what makes a cached result stale."""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

from flyte._binding import did_you_mean

if TYPE_CHECKING:
    from flyte_schemas.policies import CacheRule

Behavior = Literal["auto", "override", "disable"]

_ALIASES: dict[str, Behavior] = {
    **dict.fromkeys(("auto", "enable", "enabled", "on", "true", "yes"), "auto"),
    **dict.fromkeys(("disable", "disabled", "off", "false", "no", "none"), "disable"),
    "override": "override",
}


@dataclass(frozen=True, slots=True)
class VersionParameters:
    """What a policy may look at: the function, and the image that it runs in."""

    func: Callable[..., Any]
    container_image: Any = None
    code_bundle: Any = None


@runtime_checkable
class CachePolicy(Protocol):
    """Gives a text that changes when cached results become stale."""

    def get_version(self, salt: str, params: VersionParameters) -> str: ...


@dataclass(frozen=True, slots=True)
class FunctionBodyPolicy:
    """The default policy: the function's source, without comments, white space and position."""

    def get_version(self, salt: str, params: VersionParameters) -> str:
        return hashlib.sha256((_shape_of(params.func) + salt).encode()).hexdigest()


@dataclass(frozen=True, slots=True, init=False)
class Cache:
    """How results of a task are cached: `Cache("auto")`, `Cache("override", version_override="v1")`.

    Raises ValueError for an unknown behavior or one that lacks its version, TypeError for what is no policy.
    """

    behavior: str
    version_override: str | None
    serialize: bool
    ignored_inputs: tuple[str, ...]
    salt: str
    policies: tuple[CachePolicy, ...]

    def __init__(
        self,
        behavior: str,
        version_override: str | None = None,
        serialize: bool = False,
        ignored_inputs: str | Iterable[str] = (),
        salt: str = "",
        policies: CachePolicy | Iterable[CachePolicy] | None = None,
    ) -> None:
        chosen = behavior_of(behavior)
        if chosen == "override" and not version_override:
            raise ValueError("Cache('override') needs a version_override: it is the version")
        if chosen != "override" and version_override is not None:
            raise ValueError(f"version_override is for Cache('override'), not for Cache({behavior!r})")
        ignored = (ignored_inputs,) if isinstance(ignored_inputs, str) else tuple(ignored_inputs)
        found = _policies(policies)
        for name, value in (
            ("behavior", chosen),
            ("version_override", version_override),
            ("serialize", serialize),
            ("ignored_inputs", ignored),
            ("salt", salt),
            ("policies", found),
        ):
            object.__setattr__(self, name, value)

    def is_enabled(self) -> bool:
        """Whether results are cached at all."""
        return self.behavior != "disable"

    def get_ignored_inputs(self) -> tuple[str, ...]:
        """The inputs that do not count: calls which differ only in them are the same call."""
        return self.ignored_inputs

    def get_version(self, params: VersionParameters | None = None) -> str:
        """The cache version: as given, or the SHA-256 of what the policies say.

        Raises ValueError when a policy has nothing to look at.
        """
        if self.version_override is not None:
            return self.version_override
        if not self.is_enabled():
            return ""
        if params is None:
            raise ValueError("Cache('auto') computes its version from a function: give VersionParameters")
        versions = "".join(policy.get_version(self.salt, params) for policy in self.policies)
        return hashlib.sha256(versions.encode()).hexdigest()

    def to_wire(self, params: VersionParameters) -> "CacheRule":
        """The same for a task whose function is `params.func`."""
        from flyte_schemas.policies import CacheRule

        if not self.is_enabled():
            return CacheRule()
        return CacheRule(
            behavior=behavior_of(self.behavior),
            version=self.get_version(params),
            serialize=self.serialize,
            ignored_inputs=self.ignored_inputs,
            salt=self.salt,
        )


CacheRequest: TypeAlias = Literal["auto", "override", "disable", "enabled", "disabled"] | str | Cache
"""What `cache=` takes: a behavior, by one of its names, or a Cache."""


def behavior_of(word: object) -> Behavior:
    """The behavior that a word stands for. Raises TypeError and ValueError."""
    if not isinstance(word, str):
        raise TypeError(f"cache must be a string or a Cache, not {word!r}")
    try:
        return _ALIASES[word.lower()]
    except KeyError:
        known = [*get_args(Behavior)]
        raise ValueError(f"unknown cache behavior {word!r}{did_you_mean(word.lower(), known)}") from None


def cache_of(request: object) -> Cache:
    """What `cache=` means. Raises TypeError and ValueError."""
    return request if isinstance(request, Cache) else Cache(behavior_of(request))


def _policies(policies: CachePolicy | Iterable[CachePolicy] | None) -> tuple[CachePolicy, ...]:
    if policies is None:
        return (FunctionBodyPolicy(),)
    found = (policies,) if isinstance(policies, CachePolicy) else tuple(policies)
    for policy in found:
        if not isinstance(policy, CachePolicy):
            raise TypeError(f"a cache policy has get_version(salt, params), {policy!r} has not")
    return found or (FunctionBodyPolicy(),)


def _shape_of(func: Callable[..., Any]) -> str:
    """A function's syntax tree as text; its byte code where the source is not at hand."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(func))))
    except (OSError, SyntaxError, TypeError):
        code = inspect.unwrap(func).__code__
        return f"{code.co_name} {code.co_code.hex()} {code.co_names} {code.co_varnames}"
    return ast.dump(tree, annotate_fields=True, include_attributes=False)
