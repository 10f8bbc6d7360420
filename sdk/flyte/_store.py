"""The artifact store as code finds it wherever it runs: in a task on the stack, or beside a client."""

from collections.abc import Iterator
from contextlib import contextmanager

from flyte import _session
from flyte._runtime import controller
from flyte._runtime.remote_controller import RemoteController
from flyte._runtime.transfer import ArtifactError, Artifacts
from flyte.errors import RuntimeSystemError
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint


def artifacts() -> Artifacts:
    """The store of the running task's project, else of the client's. To be used on the client's loop.

    Raises InitializationError where neither is.
    """
    current = controller.current()
    if isinstance(current, RemoteController):
        return Artifacts(current.locate, *current.place)
    client = _session.client()

    async def ask(endpoint: Endpoint[AskT, AnswerT], question: AskT, /) -> AnswerT:
        return await (await client.bus()).ask(endpoint, question)

    return Artifacts(ask, client.config.project, client.config.domain)


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Raises FileNotFoundError for an object that is not there, RuntimeSystemError for what else is wrong."""
    try:
        yield
    except ArtifactError as error:
        if error.code == "ArtifactNotFound":
            raise FileNotFoundError(f"there is nothing at {uri}") from error
        raise RuntimeSystemError(error.code, f"{error} {error.hint}".strip()) from error
