"""How a connection is made safe: TLS, the options of nats-py for credentials, and what a refusal means."""

import ssl
from typing import Any

from flyte_bus.errors import BusError
from flyte_bus.security import CERT, CREDS, KEY, Security
from flyte_bus.settings import BusSettings
from flyte_bus.tls import RenewedContext
from flyte_schemas.trust import BUS_CA as CA
from flyte_schemas.trust import refusal


def options_of(settings: BusSettings) -> dict[str, Any]:
    """What nats-py is told of who we are and whom we trust.

    Raises BusError for files that do not hold what they should.
    """
    options: dict[str, Any] = {}
    if settings.user:
        options |= {"user": settings.user, "password": settings.password}
    security = settings.security
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
    return options


def said_of(error: BaseException) -> str:
    """A refusal of TLS in a sentence; "" for what is none."""
    return refusal(error, setting=CA, client=f"{CERT} and {KEY}")


def context_of(settings: BusSettings) -> RenewedContext:
    """What handshakes begin with. Raises BusError for files that do not hold what they should."""
    security = settings.security
    files = [file for file in (security.ca, security.cert, security.key) if file is not None]
    return RenewedContext(lambda: _context(security), files)


def _context(security: Security) -> ssl.SSLContext:
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
