"""In whose name this client asks."""

from contextlib import suppress

from flyte_schemas.users import is_service

SOURCE = "/flyte/client"
UNKNOWN = "unknown"
"""Who asks where the machine does not know its user, as in a container."""


def who() -> str:
    """The user of this machine. One who is called as a service is, is told apart from it."""
    import getpass

    user = ""
    with suppress(OSError, KeyError, ImportError):
        user = getpass.getuser()
    return f"{user}@localhost" if is_service(user) else user or UNKNOWN
