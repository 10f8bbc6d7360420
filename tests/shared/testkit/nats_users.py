"""NATS's decentralised users for tests: an operator, an account, and credentials of users, as NATS has them.

A user's JWT is signed by its account, the account's by the operator; the server knows the operator and the
account. The format: https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt
"""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]

_CREDS = """\
-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------
"""
_UNLIMITED = {"subs": -1, "data": -1, "payload": -1}


class Operator:
    """Runs a NATS in which one account may use JetStream; issues credentials of the account's users."""

    def __init__(self) -> None:
        self._operator = _pair(nkeys.PREFIX_BYTE_OPERATOR)
        self._account, self._system = (_pair(nkeys.PREFIX_BYTE_ACCOUNT) for _ in range(2))

    @property
    def config(self) -> str:
        """What stands in a nats-server's configuration."""
        limits = _UNLIMITED | {"imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}
        system = _signed(self._operator, self._system, "account", {"limits": limits})
        limits |= {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        operator = _signed(self._operator, self._operator, "operator", {})
        account = _signed(self._operator, self._account, "account", {"limits": limits})
        return (
            f"operator: {operator}\nresolver: MEMORY\nsystem_account: {_name(self._system)}\n"
            f"resolver_preload: {{ {_name(self._account)}: {account}, {_name(self._system)}: {system} }}\n"
        )

    def issue(self, path: Path) -> Path:
        """Credentials of a new user, in that file."""
        user = _pair(nkeys.PREFIX_BYTE_USER)
        jwt = _signed(self._account, user, "user", _UNLIMITED)
        path.write_text(_CREDS.format(jwt=jwt, seed=bytes(user.seed).decode()))
        return path


def _pair(prefix: int) -> Any:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), prefix)))


def _name(pair: Any) -> str:
    return bytes(pair.public_key).decode()


def _signed(issuer: Any, subject: Any, kind: str, more: dict[str, Any]) -> str:
    claims: dict[str, Any] = {
        "iat": 1_700_000_000,
        "iss": _name(issuer),
        "sub": _name(subject),
        "name": kind,
        "nats": {**more, "type": kind, "version": 2},
    }
    digest = hashlib.new("sha512_256", json.dumps(claims).encode()).digest()
    claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
    head = _encoded(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
    body = f"{head}.{_encoded(json.dumps(claims).encode())}"
    return f"{body}.{_encoded(issuer.sign(body.encode()))}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
