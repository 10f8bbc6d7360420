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


def is_service(user: str) -> bool:
    """Whether that is a service's name, and no person's."""
    return user in SERVICES
