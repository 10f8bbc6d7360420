"""The Dockerfile of an image: a pure function of its specification.

Same specification, same text. Each layer that was declared is one instruction (each command of
`with_commands` one of its own), in the order in which they were declared; words whose order means
nothing are sorted, so that BuildKit finds them in its cache. Downloads are kept in cache mounts and files
that only an installation reads are mounted, so neither is in the image. There is no `# syntax` line: it would
be one more image to pull.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from flyte._images.places import BUILD_ENVIRONMENT, MANIFEST_FOLDER, SDK_FOLDER, context_names
from flyte._images.tools import INSTALL, POETRY, POETRY_TOOLS, TOOLS, UV, index_words, secrets_in
from flyte.errors import ImageBuildError
from flyte_schemas.image import ImageLayer, ImageSpec

WORKDIR = "/app"
"""Where a built image's relative destinations are, unless it says otherwise; Python looks there too."""
_COUNTED = ("FROM ", "WORKDIR ", "COPY ", "RUN ")
"""The instructions that BuildKit numbers."""
_UV_CACHE = "--mount=type=cache,target=/root/.cache/uv"
_TOOLS_CACHE = f"--mount=type=cache,id=flyte-tools,target={TOOLS},mode=0777"
"""Of everybody, since the base of an image may be of another user than root."""
_INSTALL_CACHES = (_UV_CACHE, _TOOLS_CACHE)
_POETRY_CACHE = f"--mount=type=cache,id=flyte-poetry,target={POETRY_TOOLS},sharing=locked,mode=0777"
_ENVIRONMENT = f"--mount=type=secret,id={BUILD_ENVIRONMENT},target=/run/{BUILD_ENVIRONMENT}"
_EXPORTED = "/tmp/flyte-requirements.txt"
_APT_CACHES = (
    "--mount=type=cache,target=/var/cache/flyte-apt,sharing=locked",
    "--mount=type=cache,target=/var/lib/apt/lists,sharing=locked",
)
_APT_OPTIONS = (
    "-q -o Dir::Cache=/var/cache/flyte-apt -o Binary::apt-get::APT::Keep-Downloaded-Packages=true "
    "-o Acquire::Languages=none"
)
"""All that apt keeps for the next time is in the caches: its index alone would be 80 MB of each image."""
_APT = (
    f"mkdir -p /var/cache/flyte-apt/archives/partial && apt-get {_APT_OPTIONS} update && "
    f"DEBIAN_FRONTEND=noninteractive apt-get {_APT_OPTIONS} -y --no-install-recommends install"
)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The text, and for each instruction that BuildKit numbers what a person calls it."""

    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    label: str
    lines: tuple[str, ...]


def dockerfile_of(spec: ImageSpec) -> Dockerfile:
    """The Dockerfile that builds `spec`. Raises ImageBuildError for what no Dockerfile can be made of."""
    if spec.dockerfile is not None or spec.base is None:
        raise ImageBuildError(f"image {spec.name} has a Dockerfile of its own, or stands for another image")
    steps = list(_steps(spec))
    lines = [line for step in steps for line in step.lines]
    for line in (f"# {spec.name}", *lines):
        if _ends_elsewhere(line):
            raise ImageBuildError(
                f"image {spec.name}: a line of its Dockerfile would end elsewhere: {line!r}"
            )
    labels = [step.label for step in steps for line in step.lines if line.startswith(_COUNTED)]
    return Dockerfile("\n".join([f"# {spec.name}:{spec.tag}", *lines, ""]), tuple(labels))


def _ends_elsewhere(line: str) -> bool:
    """Whether what somebody wrote would make two instructions of one, or one of two."""
    return "\n" in line or "\r" in line or line.endswith("\\")


def _steps(spec: ImageSpec) -> Iterator[_Step]:
    assert spec.base is not None
    yield _Step(f"base {spec.base}", (f"FROM {spec.base}",))
    yield _Step(f"workdir {WORKDIR}", (f"WORKDIR {WORKDIR}",))
    if spec.sdk and not any(layer.kind == "flyte" for layer in spec.layers):
        yield _sdk(spec.sdk)
    workdir, on_path = WORKDIR, [WORKDIR]
    for index, layer in enumerate(spec.layers):
        if layer.kind == "workdir":
            workdir = str(PurePosixPath(workdir) / layer.arguments[0])
        if layer.kind in ("source-file", "source-folder", "code-bundle") and _is_importable(layer):
            on_path.append(_folder_of(layer, workdir))
        yield from _steps_of(index, layer, spec)
    path = ":".join(dict.fromkeys(on_path))
    yield _Step("environment", (f'ENV PYTHONPATH="{_quoted(path)}${{PYTHONPATH:+:$PYTHONPATH}}"',))
    mount = f"--mount=type=bind,source={MANIFEST_FOLDER},target=/tmp/flyte"
    yield _Step("manifest", (f"RUN {mount} python3 /tmp/flyte/manifest.py",))


def _steps_of(index: int, layer: ImageLayer, spec: ImageSpec) -> Iterator[_Step]:
    label = f"{layer.kind} {' '.join(layer.arguments)}".strip()
    match layer.kind:
        case "flyte" if layer.arguments[0] in ("", "local"):
            yield _sdk(spec.sdk)
        case "flyte":
            yield _packages(layer, f"flytejet {layer.arguments[0]}", [f"flytejet=={layer.arguments[0]}"])
        case "pip" | "uv-script":
            if layer.arguments:
                yield _packages(layer, label, sorted(set(layer.arguments)))
        case "apt":
            words = " ".join(shlex.quote(word) for word in sorted(set(layer.arguments)))
            yield _Step(label, (_run(layer, f"{_APT} {words}", *_APT_CACHES),))
        case "requirements":
            yield from _requirements(index, layer)
        case "commands":
            for command in layer.arguments:
                yield _Step(f"run {command}", (_run(layer, command),))
        case "env":
            pairs = " ".join(f'{key}="{_quoted(value)}"' for key, value in sorted(layer.options.items()))
            yield _Step(label, (f"ENV {pairs}",) if pairs else ())
        case "workdir":
            yield _Step(label, (f"WORKDIR {layer.arguments[0]}",))
        case "source-file" | "source-folder" | "code-bundle":
            yield from _copied(index, layer)
        case "uv-project" | "poetry-project":
            yield _project(index, layer)
        case "dockerignore":
            return
        case "pixi-project" | "pixi-script":
            raise ImageBuildError(
                f"image {spec.name}: pixi's environments are not built: name the packages with "
                "with_pip_packages and with_apt_packages, or write a Dockerfile (Image.from_dockerfile)"
            )


def _sdk(version: str) -> _Step:
    mount = f"--mount=type=bind,source={SDK_FOLDER},target=/tmp/flyte"
    command = _install("/tmp/flyte/*.whl")
    return _Step(
        f"flytejet {version}", (f"RUN {_joined(*_INSTALL_CACHES, mount, _ENVIRONMENT)} {_sourced(command)}",)
    )


def _packages(layer: ImageLayer, label: str, words: Iterable[str]) -> _Step:
    command = _install(*_options(layer), *map(shlex.quote, words))
    return _Step(label, (_run(layer, command, *_INSTALL_CACHES),))


def _install(*words: str) -> str:
    return f"set -e; {UV}; {' '.join([INSTALL, *words])}"


def _options(layer: ImageLayer) -> list[str]:
    extra = layer.options.get("extra_args")
    return [*index_words(layer.options), *([extra] if extra else [])]


def _requirements(index: int, layer: ImageLayer) -> Iterator[_Step]:
    (name,) = context_names(index, layer)
    mount = f"--mount=type=bind,source={name},target=/tmp/requirements.txt"
    command = _install(*_options(layer), "-r /tmp/requirements.txt")
    yield _Step(f"requirements {layer.files[0].path}", (_run(layer, command, *_INSTALL_CACHES, mount),))


def _copied(index: int, layer: ImageLayer) -> Iterator[_Step]:
    if not layer.files:
        return  # code that travels as a bundle is not in the image
    (name,) = context_names(index, layer)
    target = layer.arguments[-1]
    if layer.kind == "source-folder" and not layer.options.get("copy_contents_only"):
        target = f"{target.rstrip('/')}/{PurePosixPath(name).name}" if target != "/" else f"/{name}"
    if layer.kind != "source-file":
        name, target = f"{name}/", f"{target.rstrip('/')}/"
    elif target in (".", "./"):
        target = "./"
    label = f"{layer.kind} {layer.files[0].path}"
    yield _Step(label, (f"COPY {json.dumps([name, target], ensure_ascii=False)}",))


def _is_importable(layer: ImageLayer) -> bool:
    return layer.kind != "source-file" or layer.files[0].path.endswith(".py")


def _folder_of(layer: ImageLayer, workdir: str) -> str:
    """The folder that a copy makes importable: its destination, or where the file stands that it is."""
    target = PurePosixPath(workdir) / layer.arguments[-1]
    is_file = layer.kind == "source-file" and target.suffix and not layer.arguments[-1].endswith("/")
    return str(target.parent if is_file else target)


def _project(index: int, layer: ImageLayer) -> _Step:
    names = context_names(index, layer)
    has_lock = any(name.endswith(".lock") for name in names)
    folder = PurePosixPath(names[0]).parent
    extra = layer.options.get("extra_args", "")
    install = " ".join([INSTALL, *index_words(layer.options)])
    if layer.kind == "uv-project" and has_lock:
        export = f'"$uv/bin/uv" export -q --frozen --no-dev --no-emit-workspace --no-hashes {extra}'.strip()
        command = f"{export} -o {_EXPORTED} && {install} -r {_EXPORTED}"
    elif layer.kind == "uv-project":
        command = f"{install} {extra} -r pyproject.toml"
    else:
        lock = "" if has_lock else "$poetry lock -n && "
        export = f"$poetry export -n --without-hashes {extra}".strip()
        command = f"{POETRY}; {lock}{export} -o {_EXPORTED} && {install} -r {_EXPORTED}"
    if layer.arguments[0] == "install_project":
        command = f"{command} && {install} --no-deps ./project"
    command = f"set -e; {UV}; cd /tmp/project; {command}"
    if _EXPORTED in command:
        command = f"{command} && rm {_EXPORTED}"
    mounts: tuple[str, ...] = (*_INSTALL_CACHES, f"--mount=type=bind,source={folder},target=/tmp/project,rw")
    if layer.kind == "poetry-project":
        mounts = (*mounts, _POETRY_CACHE)
    label = f"{layer.kind} {layer.files[0].path}"
    return _Step(label, (_run(layer, command, *mounts),))


def _run(layer: ImageLayer, command: str, *mounts: str) -> str:
    """A RUN with these mounts; what the shell form would take apart goes to the shell as one JSON word."""
    secrets = secrets_in(layer)
    asked = [f"--mount=type=secret,id={secret.id},target={secret.target},required" for secret in secrets]
    told = "".join(f'export {one.variable}="$(cat {one.target})"; ' for one in secrets if one.variable)
    return f"RUN {_joined(*mounts, *asked, _ENVIRONMENT)} {_sourced(told + command)}"


def _sourced(command: str) -> str:
    """The command, after the variables of whoever builds (indexes, proxies), which no layer keeps."""
    place = f"/run/{BUILD_ENVIRONMENT}"
    whole = f"if [ -f {place} ]; then . {place}; fi; {command}"
    if "\n" in whole or "<<" in whole or whole.endswith("\\"):
        return json.dumps(["/bin/sh", "-c", whole], ensure_ascii=False)
    return whole


def _joined(*mounts: str) -> str:
    return " ".join(mounts)


def _quoted(value: str) -> str:
    for sign in ("\\", '"', "$"):
        value = value.replace(sign, f"\\{sign}")
    return value.replace("\n", "\\n")
