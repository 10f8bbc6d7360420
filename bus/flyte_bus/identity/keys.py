"""Key pairs as NATS writes them (nkeys): Ed25519, in base32 with a prefix that says whose they are."""

import base64
import binascii
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Kind = Literal["operator", "account", "user"]

_PREFIXES: dict[Kind, int] = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
_SEED = 18 << 3
SEED_BYTES = 32
SIGNATURE_BYTES = 64


class NotAKey(ValueError):
    """The text is no seed of a key pair."""


@dataclass(frozen=True)
class KeyPair:
    """A key pair of an operator, an account or a user. `seed` is all of it, and secret."""

    kind: Kind
    raw_seed: bytes = field(repr=False)

    @classmethod
    def create(cls, kind: Kind) -> "KeyPair":
        """A new one."""
        return cls(kind, os.urandom(SEED_BYTES))

    @classmethod
    def from_seed(cls, text: str) -> "KeyPair":
        """The pair of a seed. Raises NotAKey; the text is in no message."""
        try:
            raw = _from_base32(text.strip())
        except (ValueError, binascii.Error):
            raise NotAKey("this is no seed of a NATS key pair: it is misspelt or cut off") from None
        prefix = (raw[0] & 7) << 5 | raw[1] >> 3
        for kind, known in _PREFIXES.items():
            if raw[0] & 0xF8 == _SEED and known == prefix and len(raw) == SEED_BYTES + 2:
                return cls(kind, raw[2:])
        raise NotAKey("this is no seed of an operator, an account or a user of NATS")

    @property
    def seed(self) -> str:
        """The secret, as text."""
        prefix = _PREFIXES[self.kind]
        return _to_base32(bytes((_SEED | prefix >> 5, (prefix & 31) << 3)) + self.raw_seed)

    @cached_property
    def public(self) -> str:
        """By which others know it."""
        return _to_base32(bytes((_PREFIXES[self.kind],)) + self._pair[0])

    def sign(self, content: bytes) -> bytes:
        """The signature of some content, 64 bytes."""
        ffi, lib = _sodium()
        signed, size = (
            ffi.new("unsigned char[]", SIGNATURE_BYTES + len(content)),
            ffi.new("unsigned long long *"),
        )
        if lib.crypto_sign(signed, size, content, len(content), self._pair[1]):
            raise RuntimeError("libsodium did not sign")
        return bytes(ffi.buffer(signed, SIGNATURE_BYTES))

    @cached_property
    def _pair(self) -> tuple[bytes, bytes]:
        ffi, lib = _sodium()
        public, secret = ffi.new("unsigned char[]", 32), ffi.new("unsigned char[]", 64)
        if lib.crypto_sign_seed_keypair(public, secret, self.raw_seed):
            raise RuntimeError("libsodium made no keys")
        return bytes(ffi.buffer(public, 32)), bytes(ffi.buffer(secret, 64))


def is_signed(content: bytes, signature: bytes, public: str) -> bool:
    """Whether the holder of a public key has signed the content."""
    ffi, lib = _sodium()
    try:
        raw = _from_base32(public)[1:]
    except (ValueError, binascii.Error):
        return False
    if len(raw) != 32 or len(signature) != SIGNATURE_BYTES:
        return False
    whole = signature + content
    found, size = ffi.new("unsigned char[]", len(whole)), ffi.new("unsigned long long *")
    return bool(lib.crypto_sign_open(found, size, whole, len(whole), raw) == 0)


def _sodium() -> tuple[Any, Any]:
    """PyNaCl's libsodium itself: its Python side takes five times as long to load, and adds nothing here."""
    from nacl._sodium import ffi, lib  # type: ignore[import-not-found]

    return ffi, lib


def _to_base32(raw: bytes) -> str:
    return base64.b32encode(raw + _checksum(raw)).rstrip(b"=").decode("ascii")


def _from_base32(text: str) -> bytes:
    """The bytes of a key's text. Raises ValueError for anything but a whole key."""
    whole = base64.b32decode(text + "=" * (-len(text) % 8))
    if len(whole) < 4 or _checksum(whole[:-2]) != whole[-2:]:
        raise ValueError("the checksum is another")
    return whole[:-2]


def _checksum(raw: bytes) -> bytes:
    """CRC-16 as XMODEM has it, the low byte first."""
    return binascii.crc_hqx(raw, 0).to_bytes(2, "little")
