"""What can go wrong on the bus, in our own words."""

from flyte_schemas.failure import Failure, FailureKind


class BusError(Exception):
    """Any trouble with the bus."""


class BusUnavailable(BusError):
    """The bus could not be reached, or did not answer, within the patience of the caller."""


class NotStored(BusUnavailable):
    """The server is there, and has stored nothing within the patience of the caller."""


class Conflict(BusError):
    """Something else was written first: the version (or revision) that was expected is not the last."""

    def __init__(self, subject: str, expected: int) -> None:
        super().__init__(f"{subject}: the last sequence is not {expected}")
        self.subject = subject
        self.expected = expected


class TooLarge(BusError):
    """The event is larger than one message may be."""


class StreamFull(BusError):
    """The stream refuses new messages: a limit of size is reached, or its disk is full."""


class NoAnswer(BusError):
    """Nobody answered a question within its time: the service is not running."""

    def __init__(self, subject: str, timeout_s: float) -> None:
        super().__init__(f"no service answered {subject} within {timeout_s:g} s")
        self.subject = subject


class Refusal(BusError):
    """A service answered with a failure. Raise it in a handler, catch it where you asked."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class NotAllowed(Refusal):
    """The server refused this user what was asked for; it is over at once, and asking again does not help."""

    def __init__(self, message: str, hint: str = "", *, subject: str = "") -> None:
        super().__init__(Failure(code="NotAllowed", kind=FailureKind.USER, message=message, hint=hint))
        self.subject = subject

    def __str__(self) -> str:
        return f"{self.failure.message}. {self.failure.hint}".removesuffix(". ")
