"""The docker command line: what builds, pushes with the user's credentials, and knows what is there.

BuildKit is needed, by way of `docker buildx` or, where the command line has it built in (before 23), of
`docker build`. Nothing here speaks to an engine or a registry by itself.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flyte._images.progress import Progress
from flyte.errors import ImageBuildError

LOOK_TIMEOUT_S = 60.0
"""How long docker may take to say what is there."""
BUILD_OPTIONS = "FLYTE_IMAGE_BUILD_OPTIONS"
"""The variable with further words for `docker build`, e.g. `--network host`."""

_ABSENT = re.compile(r"no such manifest|manifest unknown|not found|name unknown|denied", re.IGNORECASE)
_LOCAL_REGISTRY = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?/")


@dataclass(frozen=True, slots=True)
class Docker:
    """A docker command line whose engine answers and that can build."""

    program: str
    has_buildx: bool

    def has(self, uri: str, *, is_pushed: bool) -> bool:
        """Whether an image is in its registry, or on the engine. Raises ImageBuildError."""
        if not is_pushed:
            return self._ask("image", "inspect", uri).returncode == 0
        insecure = ["--insecure"] if _LOCAL_REGISTRY.match(uri) else []
        answer = self._ask("manifest", "inspect", *insecure, uri)
        if answer.returncode == 0 or _ABSENT.search(answer.stderr):
            return answer.returncode == 0
        raise ImageBuildError(
            f"the registry of {uri} does not say whether it has the image: {_last(answer.stderr)}. Is it "
            "running, and does `docker login` know it?"
        )

    def build(
        self,
        folder: Path,
        dockerfile: Path,
        uri: str,
        *,
        platforms: Sequence[str],
        secrets: Mapping[str, Path],
        progress: Progress,
        is_pushed: bool,
    ) -> None:
        """Build, and push when it is to be. Raises ImageBuildError that says which step failed."""
        several = len(platforms) > 1
        if several and not (self.has_buildx and is_pushed):
            raise ImageBuildError(
                f"image {uri} is for {', '.join(platforms)}: several platforms need docker's buildx and a "
                "registry (image.registry of the configuration, or registry=…)"
            )
        words = ["buildx", "build", "--push" if several else "--load"] if self.has_buildx else ["build"]
        words += ["--progress", "plain", "-t", uri, "-f", str(dockerfile), "--platform", ",".join(platforms)]
        words += [word for id, path in secrets.items() for word in ("--secret", f"id={id},src={path}")]
        words += shlex.split(os.environ.get(BUILD_OPTIONS, ""))
        if self._follow([*words, str(folder)], progress) != 0:
            what, lines = progress.failure()
            raise failed(f"image {uri} was not built: {what}", lines)
        if is_pushed and not several:
            self._push(uri)

    def _push(self, uri: str) -> None:
        pushed = subprocess.run(
            [self.program, "push", uri], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if pushed.returncode != 0:
            raise ImageBuildError(
                f"image {uri} was built and not pushed: {_last(pushed.stderr or pushed.stdout)}. Does "
                "`docker login` know its registry?"
            )

    def _follow(self, words: Sequence[str], progress: Progress) -> int:
        process = subprocess.Popen(
            [self.program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "DOCKER_BUILDKIT": "1", "DOCKER_CLI_HINTS": "false"},
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                progress.feed(line)
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _ask(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return _ask(self.program, *words)


def find_docker(why: str) -> Docker:
    """The docker of this machine. Raises ImageBuildError that says what is missing; `why` it is needed."""
    program = shutil.which("docker")
    if program is None:
        raise ImageBuildError(
            f"{why}, and there is no docker on this machine: install Docker with buildx, or name an image "
            "that exists (--image URI, or image=URI of the environment)"
        )
    answer = _ask(program, "version", "--format", "{{json .}}")
    if answer.returncode != 0:
        raise ImageBuildError(
            f"{why}, and docker's engine does not answer ({_last(answer.stderr)}): start it, or say where "
            "it is with DOCKER_HOST"
        )
    has_buildx = _ask(program, "buildx", "version").returncode == 0
    client = str(json.loads(answer.stdout).get("Client", {}).get("Version", "0"))
    if not has_buildx and int(re.match(r"\d*", client)[0] or 0) >= 23:  # type: ignore[index]
        raise ImageBuildError(
            f"{why}, and {program} (version {client}) has no buildx, which builds images: install its "
            "plug-in (Debian: docker-buildx, else docker-buildx-plugin)"
        )
    return Docker(program, has_buildx)


def failed(sentence: str, lines: Iterable[str]) -> ImageBuildError:
    """An error that shows a step's own last lines first, and then says which step it was."""
    shown = [f"  | {line}" for line in lines]
    return ImageBuildError("\n".join([*shown, sentence] if shown else [sentence]))


def _ask(program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LOOK_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageBuildError(
            f"{shlex.join(error.cmd)} did not answer within {LOOK_TIMEOUT_S:g} s: is docker's engine well?"
        ) from error


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1].rstrip(".")
