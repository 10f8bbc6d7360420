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
    raw: bytes,
    measures: QuestionMeasures,
) -> bytes:
    """The reply to one question; whatever goes wrong with it is a failure in the reply."""
    began = perf_counter()
    try:
        return await _answer(endpoint, handler, raw, measures)
    finally:
        measures.took.since(began)


async def _answer(
    endpoint: Endpoint[AskT, AnswerT],
    handler: Handler[AskT, AnswerT],
    raw: bytes,
    measures: QuestionMeasures,
) -> bytes:
    try:
        question = endpoint.ask.model_validate_json(raw)
    except ValidationError as error:
        measures.refused.value += 1
        return _failed(Failure(code="InvalidQuestion", kind=FailureKind.USER, message=one_sentence(error)))
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


def _failed(failure: Failure) -> bytes:
    return orjson.dumps({"failure": failure.model_dump(mode="json")})
