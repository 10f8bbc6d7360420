"""How a connection is made safe: the options of nats-py for TLS and credentials."""

import ssl
from typing import Any

from flyte_bus.access import Access, access_in
from flyte_bus.errors import BusError
from flyte_bus.security import CA, CERT, CREDS
from flyte_bus.settings import BusSettings


def options_of(settings: BusSettings) -> tuple[dict[str, Any], Access | None]:
    """What nats-py is told of who we are and whom we trust; and who we are, where credentials say so.

    Raises BusError for files that do not hold what they should.
    """
    options: dict[str, Any] = {}
    access = None
    if settings.user:
        options |= {"user": settings.user, "password": settings.password}
    security = settings.security
    if settings.wants_tls:
        options["tls"] = _context(settings)
    if security.creds is not None:
        try:
            words = security.creds.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise BusError(f"{CREDS}: {security.creds} cannot be read: {error}") from error
        if "BEGIN NATS USER JWT" not in words or "BEGIN USER NKEY SEED" not in words:
            raise BusError(
                f"{CREDS}: {security.creds} holds no credentials of a NATS user (a JWT and a seed)"
            )
        options["user_credentials"] = str(security.creds)
        access = access_in(words)
        if access is not None:
            options["inbox_prefix"] = access.inbox
    return options, access


def _context(settings: BusSettings) -> ssl.SSLContext:
    security = settings.security
    try:
        context = ssl.create_default_context(
            cafile=None if security.ca is None else str(security.ca), cadata=security.ca_text or None
        )
    except (OSError, ssl.SSLError) as error:
        raise BusError(f"{CA}: {security.ca or 'its text'} holds no certificates: {error}") from error
    if security.cert is not None:
        try:
            context.load_cert_chain(security.cert, security.key)
        except (OSError, ssl.SSLError) as error:
            raise BusError(
                f"{CERT}: {security.cert} and {security.key} are no certificate and its key: {error}"
            ) from error
    return context
