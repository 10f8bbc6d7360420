"""Questions and answers in memory: JSON both ways, so that nothing passes that the wire would not carry."""

from flyte_bus.answers import address, read_answer
from flyte_bus.errors import BusUnavailable, NoAnswer
from flyte_bus.memory.answerer import Answerer
from flyte_bus.memory.link import Link
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint


class MemoryServing:
    """Fills `Server`: an endpoint that is being served."""

    def __init__(self, link: Link, answerer: Answerer) -> None:
        self._link = link
        self._answerer = answerer
        link.server.listen(answerer)

    async def stop(self, *, grace_s: float = 0.0) -> None:
        """See `Server.stop`."""
        self._link.server.unlisten(self._answerer)
        await self._answerer.end(grace_s)


async def ask(link: Link, endpoint: Endpoint[AskT, AnswerT], question: AskT, timeout_s: float) -> AnswerT:
    """See `Bus.ask`."""
    deadline = link.server.clock() + timeout_s
    subject = address(endpoint, question)
    answerer = await _find(link, subject, deadline, timeout_s)
    task = answerer.accept(subject, question.model_dump_json().encode())
    task.add_done_callback(lambda _: link.server.changed.ring())
    while task.cancelled() or not (task.done() and link.server.is_up):
        await _wait(link, subject, deadline, timeout_s)
    return read_answer(endpoint, task.result())


async def _find(link: Link, subject: str, deadline: float, timeout_s: float) -> Answerer:
    """Somebody who answers on `subject`, as soon as there is one."""
    while True:
        answerer = link.server.answerer(subject) if link.server.is_up else None
        if answerer is not None:
            return answerer
        await _wait(link, subject, deadline, timeout_s)


async def _wait(link: Link, subject: str, deadline: float, timeout_s: float) -> None:
    """Wait for any change. Raises NoAnswer after the deadline."""
    if not link.is_open:
        raise BusUnavailable("this connection to the bus is closed")
    left_s = deadline - link.server.clock()
    if left_s <= 0:
        raise NoAnswer(subject, timeout_s)
    await link.wait(link.server.changed, left_s)
