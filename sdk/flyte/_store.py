"""The artifact store as code finds it wherever it runs: in a task on the stack, or beside a client."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flyte import _reach
from flyte._runtime import controller
from flyte._runtime.remote_controller import RemoteController
from flyte._runtime.transfer import ArtifactError, Artifacts
from flyte.errors import RuntimeSystemError
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint
from flyte_schemas.failure_codes import ARTIFACT_NOT_FOUND

_place: ContextVar[tuple[str, str] | None] = ContextVar("flyte_store_place", default=None)
_made: dict[tuple[int, str, str], tuple[object, Artifacts]] = {}


def artifacts() -> Artifacts:
    """The store of the running task's project, else of the client's. To be used on the client's loop.

    Raises InitializationError where neither is.
    """
    current = controller.current() or RemoteController.of_process  # a thread of the user's has no context
    if isinstance(current, RemoteController):
        return current.artifacts
    client = _reach.client()
    return _of(client, *(_place.get() or (client.config.project, client.config.domain)))


@contextmanager
def in_place(project: str, domain: str) -> Iterator[None]:
    """Within the block a client's objects go to this project and domain."""
    token = _place.set((project, domain))
    try:
        yield
    finally:
        _place.reset(token)


def _of(client: _reach.Client, project: str, domain: str) -> Artifacts:
    """One store for each project of a client, because it has threads of its own."""
    key = (id(client), project, domain)
    if key not in _made or _made[key][0] is not client:

        async def ask(endpoint: Endpoint[AskT, AnswerT], question: AskT, /) -> AnswerT:
            answer: AnswerT = await (await client.bus()).ask(endpoint, question)
            return answer

        _made[key] = (client, Artifacts(ask, project, domain))
    return _made[key][1]


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Raises FileNotFoundError for an object that is not there, RuntimeSystemError for what else is wrong."""
    try:
        yield
    except ArtifactError as error:
        if error.code == ARTIFACT_NOT_FOUND:
            raise FileNotFoundError(f"there is nothing at {uri}") from error
        raise RuntimeSystemError(error.code, f"{error} {error.hint}".strip()) from error
