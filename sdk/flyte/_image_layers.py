"""The layers of an image, and the files that they read: hashed when asked for, never before."""

import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte._secret import secrets_of

if TYPE_CHECKING:
    from flyte_schemas.image import FileReference, ImageLayer, LayerKind

_NO_SOURCE = frozenset({"__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


@dataclass(frozen=True, slots=True, init=False)
class File:
    """A file or folder that a layer reads; `is_optional`: it may be missing."""

    path: Path
    is_optional: bool

    def __init__(self, path: str | Path, is_optional: bool = False) -> None:
        object.__setattr__(self, "path", Path(path))
        object.__setattr__(self, "is_optional", is_optional)


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of an image; see `flyte_schemas.image.ImageLayer`."""

    kind: "LayerKind"
    arguments: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    files: tuple[File, ...] = ()

    def to_wire(self, ignored: tuple[str, ...] = (), code: "FileReference | None" = None) -> "ImageLayer":
        """The layer by content; `code` is that of a code bundle, when it is to be in the image.

        Of a script only what it needs counts, so that other changes of it build nothing.
        """
        from flyte_schemas.image import ImageLayer

        arguments = self.arguments
        files = tuple(file_reference(path, ignored) for path in self.present_files())
        if self.kind == "uv-script":
            arguments, files = script_packages(self.files[0].path), ()
        if self.kind == "code-bundle" and code is not None:
            files = (code,)
        return ImageLayer(kind=self.kind, arguments=arguments, options=self.options, files=files)

    def present_files(self) -> tuple[Path, ...]:
        """The paths of the files that are read: those that may be missing only when they are there."""
        return tuple(file.path for file in self.files if not file.is_optional or file.path.exists())

    def __hash__(self) -> int:
        return hash((self.kind, self.arguments, repr(sorted(self.options.items())), self.files))


def file_reference(path: Path, ignored: tuple[str, ...] = ()) -> "FileReference":
    """A file by what it is called and what is in it; nothing of where it lies on this machine."""
    from flyte_schemas.image import FileReference

    name = path.name if path.is_absolute() else path.as_posix()
    return FileReference(path=name, sha256=_digest(path, ignored))


def dockerignore_of(layers: Iterable[Layer]) -> tuple[str, ...]:
    """The patterns of an image's `with_dockerignore` files, as git reads patterns: these begin at the top."""
    found = []
    for path in (layer.files[0].path for layer in layers if layer.kind == "dockerignore"):
        for line in path.read_text().splitlines() if path.is_file() else ():
            pattern = line.strip()
            if pattern and not pattern.startswith("#"):
                sign = "!" if pattern.startswith("!") else ""
                found.append(f"{sign}/{pattern.removeprefix('!').strip().removeprefix('./').lstrip('/')}")
    return tuple(found)


def sdk_of(layers: Iterable[Layer], is_taken: bool) -> str:
    """Which SDK of this machine is put into the image; one that an index has is a layer like others."""
    asked = [layer.arguments[0] for layer in layers if layer.kind == "flyte"]
    if not ("local" in asked or "" in asked or (is_taken and not asked)):
        return ""
    from flyte._images.sdk_wheel import identity

    return identity()


def files_below(folder: Path, ignored: tuple[str, ...] = ()) -> Iterator[Path]:
    """The files of a folder that go into an image, in order."""
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(ignored)
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = set(folders) - _NO_SOURCE
        found += (Path(place, name) for name in names if name not in _NO_SOURCE)
    for file in sorted(found):
        if file.is_file() and not spec.match_file(file.relative_to(folder)):
            yield file


def script_packages(script: Path) -> tuple[str, ...]:
    """What a script's header (PEP 723) says it needs. Raises ValueError for one that cannot be read."""
    if not script.is_file():
        return ()
    found = re.search(r"(?m)^# /// script\s*$\n(?P<body>(^#(| .*)$\n)+)^# ///\s*$", script.read_text())
    if found is None:
        return ()
    lines = (line.removeprefix("#").removeprefix(" ") for line in found["body"].splitlines())
    try:
        needed = tomllib.loads("\n".join(lines)).get("dependencies", [])
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the header of {script.name} (# /// script) is no TOML: {error}") from error
    return tuple(sorted(map(str, needed)))


def packages_options(
    index_url: str | None = None,
    extra_index_urls: str | Iterable[str] | None = None,
    pre: bool = False,
    extra_args: str | None = None,
    secret_mounts: Any = None,
) -> dict[str, Any]:
    """The options of an installation that were given, as plain data. Raises TypeError and ValueError."""
    urls = [extra_index_urls] if isinstance(extra_index_urls, str) else list(extra_index_urls or ())
    options = {
        "index_url": index_url,
        "extra_index_urls": urls,
        "pre": pre,
        "extra_args": extra_args,
        "secret_mounts": [one.to_wire().model_dump(exclude_none=True) for one in secrets_of(secret_mounts)],
    }
    return {name: value for name, value in options.items() if value}


def platforms(platform: str | Iterable[str] | None) -> tuple[str, ...]:
    """The platforms as a tuple; linux/amd64 when none is given."""
    if platform is None:
        return ("linux/amd64",)
    return (platform,) if isinstance(platform, str) else tuple(platform)


def texts(what: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """`values`, all strings. Raises TypeError."""
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"{what} are strings, not {value!r}")
    return values


def checked_uri(uri: object) -> str:
    """A name of an image. Raises TypeError and ValueError."""
    if not isinstance(uri, str):
        raise TypeError(f"an image is named by a string, not {uri!r}")
    if not uri or re.search(r"\s", uri):
        raise ValueError(f"{uri!r} is no name of an image")
    return uri


def checked_name(name: str | None) -> str | None:
    """The last part of an image's URI. Raises ValueError."""
    if name is not None and not re.fullmatch(r"[a-z0-9]+([._/-]+[a-z0-9]+)*", name):
        raise ValueError(f"an image's name is in lower case, with . _ - / between: not {name!r}")
    return name


def checked_python(version: tuple[int, ...]) -> tuple[int, int]:
    """Major and minor. Raises TypeError."""
    if not isinstance(version, tuple) or len(version) < 2:
        raise TypeError(f"python_version is a pair like (3, 12), not {version!r}")
    return version[0], version[1]


def secret_name(secret: Any) -> str | None:
    """The key of a secret that may be given as it is or by its key."""
    return None if secret is None else secret if isinstance(secret, str) else str(secret.key)


def _digest(path: Path, ignored: tuple[str, ...] = ()) -> str | None:
    """The SHA-256 of a file, or of the names and files of a folder; None when there is nothing."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for file in files_below(path, ignored):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(path).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()
