"""Signed tokens as NATS reads them: JWTs with Ed25519 signatures, whose claims are plain JSON."""

import base64
import binascii
import hashlib
import json
from typing import Any

from flyte_bus.identity.keys import KeyPair, is_signed

_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}


class NotAToken(ValueError):
    """The text is no signed token of NATS."""


def signed(claims: dict[str, Any], by: KeyPair) -> str:
    """A token that says `claims`, in the name of `by`."""
    said = claims | {"iss": by.public}
    digest = hashlib.new("sha512_256", _json(said)).digest()
    said["jti"] = base64.b32encode(digest).rstrip(b"=").decode("ascii")
    content = f"{_encoded(_json(_HEADER))}.{_encoded(_json(said))}"
    return f"{content}.{_encoded(by.sign(content.encode('ascii')))}"


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it: for its holder, who cannot gain by lying to himself.

    Raises NotAToken.
    """
    try:
        header, body, _ = token.strip().split(".")
        claims = json.loads(_decoded(body))
        if json.loads(_decoded(header)).get("alg") != _HEADER["alg"] or not isinstance(claims["nats"], dict):
            raise ValueError("of another kind")
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise NotAToken("this is no token of NATS (a JWT signed with an nkey)") from error
    return dict(claims)


def is_genuine(token: str) -> bool:
    """Whether a token was signed by whom it names. Raises NotAToken."""
    issuer = str(claims_of(token).get("iss", ""))
    content, _, signature = token.strip().rpartition(".")
    return is_signed(content.encode(), _decoded(signature), issuer)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
