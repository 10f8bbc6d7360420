"""By which credentials a session is asked for: it is to end when they do, and when they are taken back."""

from dataclasses import dataclass
from datetime import datetime

from flyte_bus.asker import Asker
from flyte_bus.errors import Refusal
from flyte_bus.identity.credentials import identity_of
from flyte_bus.identity.tokens import NotAToken
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.sessions import OpenSession


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks. `keys`: their public key and that of who made them; `until`: the end of their credentials.

    On a bus without accounts there are no keys: nobody's session ends before its time.
    """

    user: str
    keys: tuple[str, ...] = ()
    until: datetime | None = None


def holder_of(asked: OpenSession, asker: Asker) -> Holder:
    """Who asks for a session. Raises Refusal where that has to be known and is not."""
    token = asker.token if asker.is_of_other_account else asked.token
    if not token and asker.is_of_other_account:
        raise refused(
            "nats-server does not say who asks: its accounts are of an earlier version",
            "`flyte admin rotate console --end-previous` writes accounts.conf anew; have the server read it.",
        )
    if not token:
        return Holder(asked.user)
    try:
        known = identity_of(token)
    except NotAToken as error:
        raise refused(str(error), "Look at FLYTE_NATS_CREDS.") from error
    return Holder(known.name, (known.public, known.issuer), known.expires_at)


def refused(message: str, hint: str = "Ask again from the first place on, in a minute.") -> Refusal:
    """No session for who asks."""
    return Refusal(Failure(code="SessionRefused", kind=FailureKind.USER, message=message, hint=hint))
