"""In whose name this client asks."""

from contextlib import suppress

SOURCE = "/flyte/client"


def who() -> str:
    """The user of this machine; empty when it cannot be told."""
    import getpass

    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""
