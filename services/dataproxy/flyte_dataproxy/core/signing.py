"""The signature on a URL: an HMAC-SHA256 over all that the URL permits.

Whoever holds the URL may do one thing (`method`) with one object (`key`, which has its MD5) of one size until
one moment. Each of these stands in the URL and is signed; changing any of them breaks the signature.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from flyte_dataproxy.core.keys import ArtifactKey, InvalidKey

Method = Literal["GET", "PUT"]

_METHODS: dict[str, Method] = {"GET": "GET", "PUT": "PUT"}
_SCHEME = "flyte-dataproxy-1"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a URL permits: `expires_at` in whole seconds since the epoch, `size_bytes` exactly."""

    method: Method
    key: ArtifactKey
    size_bytes: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignedGrant:
    """A grant as a URL claims it, with the signature (64 hex digits) that has yet to be verified."""

    grant: Grant
    signature: str


class Verdict(Enum):
    """What a signature is worth; the value is the code that a client sees."""

    VALID = "Valid"
    FORGED = "SignatureMismatch"
    EXPIRED = "UrlExpired"


def sign(secret: bytes, grant: Grant) -> SignedGrant:
    """The grant, signed."""
    return SignedGrant(grant, _signature(secret, grant))


def verify(secret: bytes, signed: SignedGrant, now: float) -> Verdict:
    """Whether the grant was signed by this secret, and still holds at `now` (seconds since the epoch).

    The signature is judged first, in constant time: nothing is said about a grant that we did not give.
    """
    if not hmac.compare_digest(_signature(secret, signed.grant), signed.signature):
        return Verdict.FORGED
    if now >= signed.grant.expires_at:
        return Verdict.EXPIRED
    return Verdict.VALID


def to_query(signed: SignedGrant) -> str:
    """The query string of the URL; method and key are the request's own method and path."""
    return urlencode(
        {
            "size": signed.grant.size_bytes,
            "expires": signed.grant.expires_at,
            "signature": signed.signature,
        }
    )


def from_request(method: str, path: str, query: str) -> SignedGrant | None:
    """The grant that a request claims, from its key's path and its query string; None when it claims none."""
    fields = parse_qsl(query, keep_blank_values=True)
    claimed = dict(fields)
    if len(fields) != 3 or claimed.keys() != {"size", "expires", "signature"}:
        return None
    if not (_NUMBER.fullmatch(claimed["size"]) and _NUMBER.fullmatch(claimed["expires"])):
        return None
    if method not in _METHODS or _SIGNATURE.fullmatch(claimed["signature"]) is None:
        return None
    try:
        key = ArtifactKey.from_path(path)
    except InvalidKey:
        return None
    grant = Grant(
        method=_METHODS[method], key=key, size_bytes=int(claimed["size"]), expires_at=int(claimed["expires"])
    )
    return SignedGrant(grant, claimed["signature"])


def _signature(secret: bytes, grant: Grant) -> str:
    """No field can hold a line break, so the lines cannot be shifted against each other."""
    lines = (
        _SCHEME,
        grant.method,
        grant.key.path,
        grant.key.md5,
        str(grant.size_bytes),
        str(grant.expires_at),
    )
    return hmac.new(secret, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
