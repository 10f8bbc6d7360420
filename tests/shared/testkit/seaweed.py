"""A real S3 server of its own (SeaweedFS) on 127.0.0.1: killed and started again at will, gone afterwards."""

import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

START_LIMIT_S = 60.0
"""How long a server may take until it serves S3."""
LOOK_AGAIN_S = 0.05
BUCKET = "artifacts"
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
    "s3.port.iceberg",
    "s3.port.lance",
)


class SeaweedServer:
    """One server with its files below `folder`; on the same ports after each start."""

    def __init__(self, folder: Path) -> None:
        self.access_key = "tester"
        self.secret_key = secrets.token_hex(16)
        self._folder = folder
        self._ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._ports['s3.port']}"

    @property
    def variables(self) -> dict[str, str]:
        """What a dataproxy needs to know beside the bucket."""
        return {
            "FLYTE_AWS_ENDPOINT": self.url,
            "FLYTE_AWS_ACCESS_KEY_ID": self.access_key,
            "FLYTE_AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it, and return when it serves S3."""
        if self._process is not None:
            raise RuntimeError("this server is running")
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "data").mkdir(exist_ok=True)
        config = self._folder / "s3.json"
        config.write_text(json.dumps(self._identities()))
        self._ports = self._ports or _free_ports()
        command = [
            str(Path(sys.executable).parent / "weed"),
            "server",
            f"-dir={self._folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.volumeSizeLimitMB=1024",
            "-master.telemetry=false",
            "-volume.max=200",
            "-s3",
            "-s3.iam=false",
            f"-s3.config={config}",
            *(f"-{name}={port}" for name, port in self._ports.items()),
        ]
        with (self._folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"weed did not start:\n{self.log()[-4000:]}")
            time.sleep(LOOK_AGAIN_S)

    def client(self) -> Any:
        """A boto3 client with the keys."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )

    def make_bucket(self, name: str = BUCKET) -> None:
        """Make a bucket."""
        client = self.client()
        client.create_bucket(Bucket=name)
        client.close()

    def kill(self) -> None:
        """Kill it as a power cut would; nothing happens when it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            for port in self._ports.values():  # what it leaves behind, wherever its files are
                for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    socket_file.unlink(missing_ok=True)

    def log(self) -> str:
        """What it wrote."""
        path = self._folder / "weed.log"
        return path.read_text(errors="replace") if path.exists() else "(it wrote no log)"

    def _identities(self) -> dict[str, object]:
        key = {"accessKey": self.access_key, "secretKey": self.secret_key}
        return {"identities": [{"name": "tester", "credentials": [key], "actions": ["Admin"]}]}

    def _serves(self) -> bool:
        """Whether S3 answers a question without keys: with a refusal."""
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url, timeout=2.0).close()
        except urllib.error.HTTPError as error:
            with error:
                return error.code in (403, 404)
        except OSError:
            return False
        return True

    def __enter__(self) -> "SeaweedServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _free_ports() -> dict[str, int]:
    """As many ports as it listens on, all free just now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in _PORTS]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(_PORTS, sockets, strict=True)}


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    """An S3 server for all tests of this process, with one bucket: each test has a prefix of its own."""
    with SeaweedServer(tmp_path_factory.mktemp("seaweed")) as server:
        server.make_bucket()
        yield server
