"""Sealed values: whoever listens on the bus reads nothing (X25519 and XSalsa20-Poly1305, NaCl's sealed box).

The key of an opener lives in one process's memory and ends with it: there is nothing to keep or to steal.
"""

import base64
import binascii

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox


class CannotOpen(ValueError):
    """What was sent was not sealed to this key, or was changed on its way."""


class Opener:
    """Opens what was sealed to `public`."""

    def __init__(self) -> None:
        self._key = PrivateKey.generate()
        self._box = SealedBox(self._key)
        self.public = base64.b64encode(bytes(self._key.public_key)).decode()

    def open(self, sealed: str) -> bytes:
        """What was sealed. Raises CannotOpen."""
        try:
            return self._box.decrypt(base64.b64decode(sealed, validate=True))
        except (CryptoError, binascii.Error, ValueError, TypeError) as error:
            raise CannotOpen("it was not sealed to this key, or was changed on its way") from error


def seal(content: bytes, to: str) -> str:
    """Content that only the owner of the public key `to` can read. Raises ValueError for what is no key."""
    try:
        key = PublicKey(base64.b64decode(to, validate=True))
    except (CryptoError, binascii.Error, ValueError, TypeError) as error:
        raise ValueError(f"{to[:60]!r} is no public key") from error
    return base64.b64encode(SealedBox(key).encrypt(content)).decode()
