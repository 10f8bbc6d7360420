"""Names for runs: short enough to type, random enough to be nobody else's."""

import secrets

from flyte_schemas.names import is_name

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_LENGTH = 12


def new_run_name() -> str:
    """A fresh name: `r` and 12 characters of 32 (60 bits of chance)."""
    return "r" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def generate_random_name() -> str:
    """A name for something of your own."""
    return new_run_name()


def check_run_name(name: str) -> str:
    """`name`, when a run can have it. Raises ValueError."""
    if not is_name(name):
        raise ValueError(f"run name {name!r} is not allowed: no dots, wildcards or white space, at most 128")
    return name
