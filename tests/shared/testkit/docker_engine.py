"""A docker engine and a registry of the tests' own, with a base image made on this machine; gone afterwards.

No image can be pulled where tests run, so the base is a Debian that `mmdebstrap` puts together from packages
(`.ci/base-image`).
Needs root, and Debian's docker.io, docker-registry and mmdebstrap: `.ci/packages` installs them.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyte._images.engine import find_docker
from flyte.errors import ImageBuildError

BASE = "flytejet-base:1"
"""Debian with Python and pip, under a name of ours."""
DEBIAN_BASE = "python:3.11-slim-bookworm"
"""The same, under the name that `Image.from_debian_base((3, 11))` builds on."""
BASE_IMAGE = Path(__file__).parents[3] / ".ci" / "base-image"
BASE_LIMIT_S = 600.0
"""How long it may take to put a Debian together, on a machine that has much else to do."""
IN_MEMORY_GIB = 6
"""What the files of an engine may take where they are kept in memory: twice what they do."""
CERTIFICATES_IN = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
START_LIMIT_S = 60.0
LOOK_AGAIN_S = 0.1
KEY = Path("/etc/docker/key.json")
"""What some engines write wherever their files are."""
NEEDED = ("docker", "dockerd", "docker-registry", "mmdebstrap")


class DockerEngine:
    """An engine that answers at a socket below `folder`, and a registry on a port of 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._had_key = KEY.exists()
        self._is_in_memory = False
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.registry = f"127.0.0.1:{free.getsockname()[1]}"

    @property
    def variables(self) -> dict[str, str]:
        """What a user of this engine has in the environment."""
        return {
            "DOCKER_HOST": f"unix://{self._folder}/docker.sock",
            "DOCKER_CONFIG": str(self._folder / "config"),
            "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "FLYTE_IMAGE_BUILD_OPTIONS": "--network host",
        }

    def docker(self, *words: str, timeout_s: float = 120.0) -> str:
        """Type `docker …`; its standard output."""
        done = subprocess.run(
            ["docker", *words],
            env={**os.environ, **self.variables, "DOCKER_BUILDKIT": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, image: str, *words: str) -> str:
        """What a command prints in a container of the image."""
        return self.docker("run", "--rm", "--network", "host", image, *words)

    def start(self) -> None:
        """Start both, and make the base image."""
        if _available_gib() > 2 * IN_MEMORY_GIB:  # an engine and its tools wait for the disk very often
            size = f"size={IN_MEMORY_GIB}g"
            subprocess.run(["mount", "-t", "tmpfs", "-o", size, "flytejet-docker", self._folder], check=True)
            self._is_in_memory = True
        for name in ("bin", "config"):
            (self._folder / name).mkdir(parents=True)
        self._start_engine()
        self._start_registry()
        self._make_base()

    def stop(self) -> None:
        """End both; the engine unmounts what it had mounted."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for left in (self._folder / "exec").glob("netns/*"):
            subprocess.run(["umount", left], capture_output=True, check=False)
        if self._is_in_memory:
            subprocess.run(["umount", "--lazy", self._folder], check=True)
        if not self._had_key:
            KEY.unlink(missing_ok=True)

    def _start_engine(self) -> None:
        folder = self._folder
        options = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        self._spawn(
            "dockerd",
            f"--data-root={folder}/data",
            f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid",
            f"--host=unix://{folder}/docker.sock",
            *options,
        )
        self._wait_for("dockerd", self._can_build)

    def _can_build(self) -> bool:
        """Whether some docker of the PATH can build; that one is then the first."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables.items():
                patch.setenv(name, value)
            for place in os.get_exec_path(dict(os.environ))[1:]:
                candidate, link = Path(place) / "docker", self._folder / "bin" / "docker"
                if candidate.is_file():
                    link.unlink(missing_ok=True)
                    link.symlink_to(candidate)
                    try:
                        find_docker("a test asks")
                    except ImageBuildError:
                        continue
                    return True
        return False

    def _start_registry(self) -> None:
        config = self._folder / "registry.yml"
        config.write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {self._folder}/registry}}}}\n"
            f"http: {{addr: {self.registry!r}}}\n"
        )
        self._spawn("docker-registry", "serve", str(config))
        self._wait_for("docker-registry", self._registry_answers)

    def _registry_answers(self) -> bool:
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            opener.open(f"http://{self.registry}/v2/", timeout=2.0).close()
        except OSError:
            return False
        return True

    def _make_base(self) -> None:
        """The file system that `.ci/packages` has kept, or a new one, and this machine's certificates."""
        root = self._folder / "root.tar"
        subprocess.run(
            [BASE_IMAGE, root],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=BASE_LIMIT_S,
            check=True,
        )
        place = "etc/ssl/certs/ca-certificates.crt"
        with tarfile.open(root, "a") as archive:
            archive.add(os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile or "", place)
        environment = " ".join(f"{name}=/{place}" for name in CERTIFICATES_IN)
        self.docker("import", "--change", f"ENV {environment}", str(root), BASE)
        self.docker("tag", BASE, DEBIAN_BASE)
        root.unlink()

    def _spawn(self, *words: str) -> None:
        with (self._folder / f"{words[0]}.log").open("ab") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._processes.append(process)

    def _wait_for(self, name: str, condition: "object") -> None:
        assert callable(condition)
        deadline = time.monotonic() + START_LIMIT_S
        while not condition():
            if self._processes[-1].poll() is not None or time.monotonic() > deadline:
                log = (self._folder / f"{name}.log").read_text(errors="replace")
                raise RuntimeError(f"{name} did not start:\n{log[-4000:]}")
            time.sleep(LOOK_AGAIN_S)


def _available_gib() -> float:
    """How much memory of this machine is free for whoever asks."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / 2**20 for line in lines if line.startswith("MemAvailable:"))


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """An engine with a registry, for all tests of this process."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        lacking = f"{', '.join(missing)} (.ci/packages installs them)" if missing else "root"
        pytest.skip(f"a docker engine of the tests' own needs {lacking}")
    folder = Path(tempfile.mkdtemp(prefix="fj-", dir="/tmp"))  # its sockets' paths must be short
    engine = DockerEngine(folder)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder, ignore_errors=True)
