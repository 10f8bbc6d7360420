"""Words of the form K=V on a command line."""

from collections.abc import Sequence

import click


def pairs_of(option: str, words: Sequence[str]) -> dict[str, str]:
    """The pairs by key. Raises BadParameter for a word that is none."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{word!r} is not of the form K=V", param_hint=option)
        found[key] = value
    return found


def images_of(words: Sequence[str]) -> dict[str, str]:
    """`NAME=URI` words by name; a bare URI is the default image. Raises BadParameter."""
    images = {}
    for word in words:
        name, equals, uri = word.rpartition("=")
        if not uri or (equals and not name):
            raise click.BadParameter(f"{word!r} is neither NAME=URI nor URI", param_hint="--image")
        images[name or "default"] = uri
    return images
