"""The question that lets a browser into the console: whoever may ask it on the bus may look.

Each question is about one place, which stands in its subject, so the server decides who may ask it. Who may
see several places asks about one after another, and hands on what was answered.
"""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from flyte_schemas.endpoints import PLACE, Endpoint
from flyte_schemas.words import Name, Word

ANY = "~"
"""In the question's place: all projects, or all domains. So who may ask this may ask about each of them."""

Secret = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""256 random bits; what knows them is let in."""

User = Annotated[str, StringConstraints(max_length=256)]

Token = Annotated[str, StringConstraints(max_length=16_384)]


class OpenSession(Word):
    """Let me look at this place.

    `user` is shown, and decides nothing. `token` is what nats-server let the asker in by, and the session
    ends with it: it is believed of the operator, who is in the services' own account; of others the server
    says it, and their name. `joined` is the secret of an answer about another place: what is answered now is
    good for both, and that one for nothing any more. `lasting` asks for a program's token; otherwise the
    secret is for the address that a browser signs in with, once, and within a minute.
    """

    project: Name
    domain: Name
    user: User = ""
    token: Token = ""
    joined: Secret | None = None
    lasting: bool = False


class SessionOpened(Word):
    """`secret` until `ends_at`; `url` is where browsers find the console that answered."""

    secret: Secret
    ends_at: datetime
    url: str


OPEN_SESSION = Endpoint("flyte.svc.console.open-session", OpenSession, SessionOpened, PLACE)
