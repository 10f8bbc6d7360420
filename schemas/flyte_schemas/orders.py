"""What an executor tells an agent to do: run one attempt, or be a worker of a pool that is used again."""

from pydantic import NonNegativeInt, PositiveInt

from flyte_schemas.events import ActionRequested
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, AttemptKey, RunKey
from flyte_schemas.words import Name, Seconds, Word


class Order(Word):
    """The attempt to run, and the sequence of the event that opened it: the fence to claim."""

    project: Name
    domain: Name
    run: Name
    action: Name
    attempt: PositiveInt
    fence: NonNegativeInt

    @property
    def key(self) -> AttemptKey:
        return AttemptKey(ActionKey(RunKey(self.project, self.domain, self.run), self.action), self.attempt)

    @classmethod
    def of(cls, attempt: AttemptKey, fence: int) -> "Order":
        run = attempt.action.run
        return cls(
            project=run.project,
            domain=run.domain,
            run=run.run,
            action=attempt.action.action,
            attempt=attempt.attempt,
            fence=fence,
        )


class Work(Word):
    """An order for a worker; `requested` is what was asked for, where whoever gives it knows, and
    `traceparent` the span of whoever asked, if that is traced.
    """

    order: Order
    requested: ActionRequested | None = None
    traceparent: str | None = None


class PoolOrder(Word):
    """Be a worker of `pool`: ask the executor `owner` for attempts, and run so many of them at a time.

    When that one is gone, ask whoever has taken its `site` over. Without an order for `idle_ttl_s` seconds
    from anybody, end.
    """

    pool: str
    owner: Name
    site: Name
    idle_ttl_s: Seconds
    concurrency: PositiveInt = 1


NOWHERE = AttemptKey(RunKey("flyte", "exercise", "none").action(ROOT_ACTION), 1)
"""An attempt that does not exist, by which agents in reserve are exercised."""


SPARE_CREDENTIALS = "FLYTE_AGENT_SPARE_CREDENTIALS"
"""The variable that names a file by which agents in reserve get ready; each order then has its own."""


class Commission(Word):
    """An order as a zygote is given it.

    `credentials` is a file in which its agent finds who it is on the bus, now or soon; it is removed when it
    was read. Empty: the agent's variables say so.
    """

    order: Order | PoolOrder
    credentials: str = ""


def read_commission(line: bytes) -> Commission:
    """A commission from JSON. Raises pydantic's ValidationError."""
    return Commission.model_validate_json(line)
