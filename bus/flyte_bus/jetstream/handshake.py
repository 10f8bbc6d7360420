"""How a connection is made safe: TLS, the options of nats-py for credentials, and what a refusal means."""

import base64
import ssl
from typing import Any

from flyte_bus.access import Access, access_of
from flyte_bus.errors import BusError
from flyte_bus.facts import Facts
from flyte_bus.identity.credentials import Credentials
from flyte_bus.security import CERT, CREDS, KEY, Security
from flyte_bus.settings import BusSettings
from flyte_bus.tls import RenewedContext
from flyte_schemas.trust import BUS_CA as CA
from flyte_schemas.trust import refusal

log = Facts(__name__)


def options_of(settings: BusSettings) -> tuple[dict[str, Any], Access | None]:
    """What nats-py is told of who we are and whom we trust; and who we are, where credentials say so.

    Raises BusError for files that do not hold what they should.
    """
    options: dict[str, Any] = {}
    access = None
    if settings.user:
        options |= {"user": settings.user, "password": settings.password}
    security = settings.security
    if security.has_credentials:
        proofs, access = _proofs(security)
        options |= proofs
    return options, access


def _proofs(security: Security) -> tuple[dict[str, Any], Access]:
    """Who we are by our credentials, read for each connection: their file may have been written anew.

    Another user's count from the next start only: what we listen to is named by the key of who we are.
    """
    origin = security.creds or "its text"
    try:
        identity = _credentials(security).identity
        _credentials(security).sign(b"tried")
    except ValueError as error:
        raise BusError(f"{CREDS}: {origin} holds no credentials of a NATS user: {error}") from error
    last = [_credentials(security)]

    def proof(nonce: str) -> bytes:  # nats-py asks for the proof, then for the token
        try:
            found = _credentials(security)
            signature = base64.b64encode(found.sign(nonce.encode()))
            if found.identity.public == identity.public:
                last[0] = found
                return signature
            log.warning("bus.credentials.replaced", file=str(origin), action="restart to go by them")
        except ValueError as error:  # it is being written just now, or is gone: what was there still counts
            log.warning("bus.credentials.unreadable", file=str(origin), reason=str(error))
        return base64.b64encode(last[0].sign(nonce.encode()))

    def token() -> bytearray:
        return bytearray(last[0].jwt.encode("ascii"))

    return {"user_jwt_cb": token, "signature_cb": proof, "inbox_prefix": identity.inbox}, access_of(identity)


def _credentials(security: Security) -> Credentials:
    found = security.credentials()
    assert found is not None
    return found


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
