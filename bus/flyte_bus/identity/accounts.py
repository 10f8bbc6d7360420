"""The tokens that nats-server is told: its operator, the accounts, and in them each role's template.

A role has a signing key of its own in its account. Whoever holds it can make users of that role and of no
other, whatever he writes into their tokens: the server takes what they may from the account's token, which
the operator signed. All come from the matrix (`flyte_schemas.access`).
"""

import re
from collections.abc import Mapping
from typing import Any

from flyte_bus.identity.keys import KeyPair
from flyte_bus.identity.tokens import signed
from flyte_schemas.access import CORE, ROLES, SHARED, Account, Role

SYSTEM = "SYS"
_UNLIMITED = {"subs": -1, "data": -1, "payload": -1}
_ACCOUNT_LIMITS = _UNLIMITED | {"imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}
_JETSTREAM_LIMITS = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}

ANSWERS_S = 3600
"""How long after a question its answer may be published."""
ANSWERS_EACH = 1_000
"""How many messages one answer may have: a batch that the guard refuses has one, no answer has so many."""


def operator_token(operator: KeyPair, system: str, now_s: int) -> str:
    """The token of the operator, whom the server trusts; `system` is the public key of its system account."""
    claims = {"type": "operator", "version": 2, "system_account": system}
    return signed({"iat": now_s, "sub": operator.public, "name": "flytejet", "nats": claims}, operator)


def system_token(operator: KeyPair, system: str, now_s: int) -> str:
    """The token of the server's own account, of which nobody has a user."""
    nats = {"type": "account", "version": 2, "limits": _ACCOUNT_LIMITS}
    return signed({"iat": now_s, "sub": system, "name": SYSTEM, "nats": nats}, operator)


def account_token(
    operator: KeyPair,
    account: Account,
    publics: Mapping[Account, str],
    signing: Mapping[str, tuple[str, ...]],
    revoked: Mapping[str, int],
    now_s: int,
) -> str:
    """The token of CORE or EDGE.

    `publics`: the keys of both accounts; `signing`: the public signing keys of each role; `revoked`: users by
    their public keys, and the time up to which their tokens count no more.
    """
    nats = {
        "type": "account",
        "version": 2,
        "limits": _ACCOUNT_LIMITS | (_JETSTREAM_LIMITS if account == CORE else {}),
        "exports": [
            _export(one.subject, one.is_stream, one.many_answers) for one in SHARED if one.of == account
        ],
        "imports": [
            {
                "name": one.subject,
                "subject": one.subject,
                "account": publics[one.of],
                "type": "stream" if one.is_stream else "service",
                **({"local_subject": one.seen_as} if one.seen_as else {}),
                **({"share": True} if one.tells_asker else {}),
            }
            for one in SHARED
            if one.to == account
        ],
        "signing_keys": [
            {"kind": "user_scope", "key": key, "role": role.name, "template": template(role)}
            for role in ROLES.values()
            if role.account == account
            for key in signing.get(role.name, ())
        ],
        "revocations": dict(revoked),
    }
    return signed({"iat": now_s, "sub": publics[account], "name": account, "nats": nats}, operator)


def template(role: Role) -> dict[str, Any]:
    """What users of a role may, in the words of nats-server."""
    found: dict[str, Any] = {
        "pub": {"allow": [_as_template(pattern) for pattern in role.publish]},
        "sub": {"allow": [_as_template(pattern) for pattern in role.subscribe]},
        **_UNLIMITED,
    }
    if role.answers:
        found["resp"] = {"max": ANSWERS_EACH, "ttl": ANSWERS_S * 10**9}
    return found


def _export(subject: str, is_stream: bool, many_answers: bool) -> dict[str, Any]:
    export: dict[str, Any] = {
        "name": subject,
        "subject": subject,
        "type": "stream" if is_stream else "service",
    }
    if not is_stream:
        export["response_type"] = "Stream" if many_answers else "Singleton"
    return export


def _as_template(pattern: str) -> str:
    def word(found: re.Match[str]) -> str:
        return "_INBOX.{{subject()}}" if found[1] == "inbox" else f"{{{{tag({found[1]})}}}}"

    return re.sub(r"{(\w+)}", word, pattern)
