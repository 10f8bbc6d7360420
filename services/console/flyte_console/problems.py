"""What keeps a question from its answer, and how that is told."""

from collections.abc import Iterator
from contextlib import contextmanager

from flyte_bus.errors import BusError, NoAnswer, Refusal
from flyte_console.answers.parts import Problem
from flyte_console.core.asks import BadAsk, NotYours
from flyte_schemas.failure import FailureKind


class Trouble(Exception):
    """The answer is this status, with this explanation."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.message)
        self.status = status
        self.problem = problem


def not_found(code: str, message: str, hint: str = "") -> Trouble:
    """Nobody knows of what was asked for."""
    return Trouble(404, Problem(code=code, message=message, hint=hint))


def away(message: str) -> Trouble:
    """What is needed for an answer does not answer now; it may, later."""
    return Trouble(503, Problem(code="Unavailable", message=message, hint="It is worth asking again."))


def not_signed_in(message: str = "nobody is signed in here, or not any more") -> Trouble:
    """It is not known who asks."""
    hint = "Type: flyte console (programs: flyte console --token)"
    return Trouble(401, Problem(code="SignInNeeded", message=message, hint=hint))


def forbidden(code: str, message: str, hint: str = "") -> Trouble:
    """Who asks may not have this."""
    return Trouble(403, Problem(code=code, message=message, hint=hint))


@contextmanager
def troubled() -> Iterator[None]:
    """Raises Trouble for what the bus, the services and the parameters have to complain of."""
    try:
        yield
    except BadAsk as error:
        raise Trouble(400, Problem(code="BadRequest", message=str(error))) from error
    except NotYours as error:
        hint = "Whoever gave you your credentials can give you more. Then sign in anew: flyte console"
        raise forbidden("NotYourPlace", str(error), hint) from error
    except Refusal as error:
        failure = error.failure
        if failure.kind is FailureKind.SYSTEM:
            raise away(failure.message) from error
        problem = Problem(code=failure.code, message=failure.message, hint=failure.hint)
        raise Trouble(404 if failure.code.endswith("NotFound") else 400, problem) from error
    except NoAnswer as error:
        raise away(str(error)) from error
    except TimeoutError as error:
        raise away("the event log does not answer: NATS is away, or slow") from error
    except BusError as error:
        raise away(f"the event log does not answer: {error}") from error
