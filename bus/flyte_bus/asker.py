"""Who asked the question that is being answered, where nats-server says so.

Of askers of another account it can (`Shared.tells_asker`): it writes the token by which it let them in beside
the question, in place of whatever they wrote there. Of those in the service's own account it says nothing.
"""

from contextvars import ContextVar
from dataclasses import dataclass

import orjson

HEADER = "Nats-Request-Info"
OTHER_ACCOUNT = "_R_."
"""How the server writes the inbox of who is in another account."""


@dataclass(frozen=True, slots=True)
class Asker:
    """`token`: the JWT by which the server let them in; empty where it does not say."""

    is_of_other_account: bool = False
    token: str = ""


_now: ContextVar[Asker] = ContextVar("asker")


def asker() -> Asker:
    """Who asked, for the handler of a question."""
    return _now.get(Asker())


def answers_to(reply: str, headers: dict[str, str] | None) -> None:
    """From here on this task answers who sent this. Of our own account nobody's word is taken for the
    server's.
    """
    is_other = reply.startswith(OTHER_ACCOUNT)
    _now.set(Asker(is_other, _token((headers or {}).get(HEADER, "")) if is_other else ""))


def _token(said: str) -> str:
    try:
        document = orjson.loads(said)
        return str(document["jwt"])
    except (ValueError, KeyError, TypeError):
        return ""
