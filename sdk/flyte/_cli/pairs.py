"""Words of the form K=V on a command line."""

from collections.abc import Iterable

import click


def pairs_of(option: str, words: Iterable[str] | None) -> dict[str, str]:
    """The pairs by key. Raises UsageError for a word that is none."""
    found = {}
    for word in words or ():
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{option}: {word!r} is not of the form K=V")
        found[key] = value
    return found


def images_of(words: Iterable[str] | None) -> dict[str, str]:
    """`NAME=URI` words by name; a bare URI is the default image. Raises UsageError."""
    images = {}
    for word in words or ():
        name, equals, uri = word.rpartition("=")
        if not uri or (equals and not name):
            raise click.UsageError(f"--image: {word!r} is neither NAME=URI nor URI")
        images[name or "default"] = uri
    return images
