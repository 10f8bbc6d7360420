"""The names of who asks, and how one stands as a token of a subject: the only place that knows both.

A user's name is any text (`alice@example.com`), a token has no dots, wildcards or white space. What a token
cannot hold stands percent-encoded, so each name has one token and each token one name. A token that nobody
would write so is no user's: else two tokens would be one name, and a permission for one would pass for both.
"""

from functools import lru_cache
from urllib.parse import quote, unquote

MAX_USER_BYTES = 128
"""How long the token of a user's name may be."""
USERS_KNOWN = 10_000

AGENT = "agent"
"""Who asks for what an action asks for: its own run is all that an agent may speak of."""
SCHEDULER = "scheduler"
"""Who asks for the runs of triggers, for those who made them."""

SERVICES = frozenset(
    {AGENT, SCHEDULER, "console", "dataproxy", "executor", "guard", "notifier", "provisioner", "registry"}
)
"""Names that are no person's: who asks by one of them is that service."""
ACT_FOR_OTHERS = frozenset({SCHEDULER})
"""Services that may say on whose behalf they ask."""

_PLAIN = "@+=:"
"""What stands in a token as it is, beside letters, digits and `_-~`."""


@lru_cache(maxsize=USERS_KNOWN)
def user_token(user: str) -> str:
    """The token of a user's name: `alice@example.com` is `alice@example%2Ecom`.

    Raises ValueError with one sentence for a name that has none.
    """
    token = quote(user, safe=_PLAIN).replace(".", "%2E")
    if not user or len(token) > MAX_USER_BYTES:
        raise ValueError(
            f"{user[:40]!r} cannot be the name of a user: it has to have between 1 and {MAX_USER_BYTES} "
            "characters, and other characters than ASCII letters, digits and _-~@+=: count for several"
        )
    return token


@lru_cache(maxsize=USERS_KNOWN)
def user_of(token: str) -> str | None:
    """The user's name in a token; None when it is no token of `user_token`."""
    try:
        user = unquote(token, errors="strict")
        return user if user_token(user) == token else None
    except ValueError:  # no text, or no user's name
        return None


def asked_by(user: str, claimed: str, on_behalf_of: str = "") -> str:
    """Who asks: the `user` of the request's subject, whom the server let in by that name.

    The body may say the same or nothing. A request of an earlier version has no user in its subject: there
    the body counts. Only a service that acts for others may say `on_behalf_of` whom.

    Raises ValueError with one sentence for a body that says somebody else.
    """
    if on_behalf_of and user not in ACT_FOR_OTHERS:
        who = user or "somebody unknown"
        raise ValueError(f"{who} asks on behalf of {on_behalf_of}, and only the scheduler may do so")
    if user and claimed not in ("", user):
        raise ValueError(
            f"the request says that {claimed!r} asks, and {user!r} has sent it: leave requested_by out, "
            "or ask with the credentials of whom it names"
        )
    return user or claimed


def is_service(user: str) -> bool:
    """Whether that is a service's name, and no person's."""
    return user in SERVICES
