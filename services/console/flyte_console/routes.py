"""The table of what the console answers: the one source of its router and of its OpenAPI document."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flyte_console.answers.parts import Answer
from flyte_console.core.asks import Ask
from flyte_console.streams import Sent


@dataclass(frozen=True, slots=True)
class Encoded:
    """An answer that is JSON already."""

    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """An object of the artifact store: where its bytes are, and under which name to keep it.

    `is_page`: HTML that somebody's task has written, to be shown.
    """

    signed_url: str
    headers: dict[str, str]
    size_bytes: int
    filename: str
    is_page: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter behind the path, with its JSON schema; `many`: it may be given several times."""

    name: str
    text: str
    schema: Mapping[str, Any]
    many: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`path` with names in braces, what it gives in a sentence, and the model of its JSON."""

    path: str
    summary: str
    model: type[Answer] | None = None
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonRoute(Route):
    """Gives one JSON document."""

    answer: Callable[[Ask], Awaitable[Answer | Encoded]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesRoute(Route):
    """Gives an object: a page to show, or bytes to keep."""

    answer: Callable[[Ask], Awaitable[Download]]
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRoute(Route):
    """Gives Server-Sent Events; `models` has the data of each event by its name.

    The first message is a heartbeat: what is wrong with the request is raised before it.
    """

    answer: Callable[[Ask], AsyncGenerator[Sent]]
    models: dict[str, type[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRoute(Route):
    """Lets a browser in or out: what the server itself does, since it is about cookies.

    `takes` is the model of what is sent.
    """

    method: Literal["POST", "DELETE"]
    takes: type[Answer] | None = None


AnyRoute = JsonRoute | BytesRoute | StreamRoute | DoorRoute
