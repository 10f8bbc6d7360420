"""In whose name this client asks: its credentials', which the server holds it to; else the machine's user."""

from contextlib import suppress
from typing import TYPE_CHECKING

from flyte_schemas.users import is_service, user_of

if TYPE_CHECKING:
    from flyte_bus.identity.credentials import Identity

SOURCE = "/flyte/client"
UNKNOWN = "unknown"
"""Who asks where the machine does not know its user, as in a container."""


def who() -> str:
    """The user that the credentials name; without one there, the user of this machine.

    A user of the machine who is called as a service is, is told apart from it.
    """
    found = identity()
    return (user_of(found.user) if found else None) or _of_this_machine()


def identity() -> "Identity | None":
    """Who the credentials of this process are of; None without credentials that can be read."""
    from flyte import _session
    from flyte._client.bus_settings import bus_settings

    config = _session.configured()
    with suppress(ValueError):  # to connect says what is wrong with them
        found = bus_settings(config).security.credentials() if config is not None else None
        return found.identity if found is not None else None
    return None


def _of_this_machine() -> str:
    import getpass

    user = ""
    with suppress(OSError, KeyError, ImportError):
        user = getpass.getuser()
    return f"{user}@localhost" if is_service(user) else user or UNKNOWN
