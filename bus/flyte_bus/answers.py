"""What travels back to who asked: the answer, or the failure that stands in its place, as one JSON object."""

from time import perf_counter
from typing import Any

import orjson
from pydantic import ValidationError

from flyte_bus.bus_measures import QuestionMeasures
from flyte_bus.errors import BusError, Refusal
from flyte_bus.facts import Facts
from flyte_bus.ports import Handler
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint
from flyte_schemas.envelope import one_sentence
from flyte_schemas.failure import Failure, FailureKind

log = Facts(__name__)


async def answer(
    endpoint: Endpoint[AskT, AnswerT],
    handler: Handler[AskT, AnswerT],
    asked_at: str,
    raw: bytes,
    measures: QuestionMeasures,
) -> bytes:
    """The reply to one question on the subject `asked_at`; whatever goes wrong is a failure in the reply."""
    began = perf_counter()
    try:
        return await _answer(endpoint, handler, asked_at, raw, measures)
    finally:
        measures.took.since(began)


async def _answer(
    endpoint: Endpoint[AskT, AnswerT],
    handler: Handler[AskT, AnswerT],
    asked_at: str,
    raw: bytes,
    measures: QuestionMeasures,
) -> bytes:
    try:
        question = endpoint.ask.model_validate_json(raw)
        _compare_places(endpoint, question, asked_at)
    except ValueError as error:
        measures.refused.value += 1
        said = one_sentence(error) if isinstance(error, ValidationError) else str(error)
        return _failed(_invalid(said))
    try:
        value = await handler(question)
        measures.answered.value += 1
        return orjson.dumps({"answer": value.model_dump(mode="json")})
    except Refusal as refusal:
        measures.refused.value += 1
        return _failed(refusal.failure)
    except Exception as error:
        measures.crashed.value += 1
        log.exception("bus.endpoint.crashed", subject=endpoint.subject)
        return _failed(
            Failure(
                code="ServiceCrashed",
                kind=FailureKind.SYSTEM,
                message=f"{endpoint.subject}: {type(error).__name__}: {error}",
                hint="this is a fault of the service: look at its log",
            )
        )


def read_answer(endpoint: Endpoint[AskT, AnswerT], raw: bytes) -> AnswerT:
    """The answer in a reply. Raises the Refusal in it; BusError when it is no reply of ours."""
    try:
        document: dict[str, Any] = orjson.loads(raw)
        if "failure" in document:
            raise Refusal(Failure.model_validate(document["failure"]))
        return endpoint.answer.model_validate(document["answer"])
    except (ValueError, KeyError, TypeError) as error:
        raise BusError(f"{endpoint.subject} was answered with something that is no answer") from error


def address(endpoint: Endpoint[AskT, AnswerT], question: AskT) -> str:
    """Where a question is asked. Raises Refusal for one that can be asked nowhere."""
    try:
        return endpoint.address(question)
    except ValueError as error:
        raise Refusal(_invalid(str(error))) from error


def _compare_places(endpoint: Endpoint[AskT, AnswerT], question: AskT, asked_at: str) -> None:
    """Raises ValueError for a question about another place than where it was asked.

    Who may ask there was decided by the subject.
    """
    if asked_at != (right := endpoint.address(question)):
        raise ValueError(f"a question that belongs on {right} was asked on {asked_at}: ask it there")


def _invalid(message: str) -> Failure:
    return Failure(code="InvalidQuestion", kind=FailureKind.USER, message=message)


def _failed(failure: Failure) -> bytes:
    return orjson.dumps({"failure": failure.model_dump(mode="json")})
