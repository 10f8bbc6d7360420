"""Whom this process trusts, beside the system's authorities, to vouch for an HTTP server of ours."""

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from flyte_schemas.trust import CA, is_text, refusal, trust, trusted_by

if TYPE_CHECKING:
    import ssl

_configured = ""


def trust_also(ca: str) -> None:
    """What a configuration names; the variables stand before it."""
    global _configured
    _configured = ca


def https_context() -> "ssl.SSLContext":
    """For a handshake now: of the file as it is. Raises ValueError for what holds no certificates."""
    trusted = trusted_by(os.environ, _configured)
    changed_at = 0
    if trusted and not is_text(trusted):
        trusted = os.path.expanduser(trusted)  # noqa: PTH111
        try:
            changed_at = os.stat(trusted).st_mtime_ns  # noqa: PTH116
        except OSError as error:
            raise ValueError(f"{CA} names {trusted!r}, which cannot be read: {error.strerror}") from error
    return _context(trusted, changed_at)


def https_refusal(error: BaseException) -> str:
    """What a refusal of TLS means; "" for what is none."""
    return refusal(error, setting=CA)


@lru_cache(maxsize=4)
def _context(trusted: str, _: int) -> "ssl.SSLContext":
    import ssl

    context = ssl.create_default_context()
    trust(context, trusted, CA)
    return context
