"""An artifact store in S3 that this process's client asks, and awscli beside it."""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.rows import Row
from flyte import _session
from flyte._config import ClientConfig
from flyte._syncify import block_on
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.settings import DataproxySettings, S3Settings
from testkit.artifact_store import StoreClient
from testkit.seaweed import BUCKET, SeaweedServer

AWS = Path(__file__).parent / "results" / "aws"
"""A scratch environment for awscli, whose botocore is another one than ours."""

TIMES = 3

Figures = dict[str, list[float]]


@contextmanager
def _store_in(server: SeaweedServer, folder: Path) -> Iterator[None]:
    """A dataproxy whose objects lie in the server, for the block; `s3://` goes to the same server."""
    os.environ.update(server.variables)
    s3 = S3Settings(
        bucket=BUCKET,
        endpoint_url=server.url,
        region="us-east-1",
        addressing_style="path",
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )

    async def started() -> tuple[MemoryBus, DataproxyService]:
        bus = MemoryBus(MemoryServer())
        await bus.__aenter__()
        await bus.provision()
        service = await build(bus, DataproxySettings(root=folder / "dataproxy", s3=s3))
        await service.start()
        return bus, service

    bus, service = block_on(started())
    config = ClientConfig(endpoint="nats://nowhere", project="bench", domain="bench")
    _session._config, _session._client = config, StoreClient(config, bus)  # type: ignore[assignment]
    try:
        yield
    finally:
        block_on(service.stop())


class Awscli:
    """`aws s3 cp` to and from one server; in an environment of its own, which stays for the next time."""

    def __init__(self, server: SeaweedServer) -> None:
        self._server = server
        self._program = AWS / "bin" / "aws"
        if not self._program.exists():
            shutil.rmtree(AWS, ignore_errors=True)
            venv.create(AWS, with_pip=True)
            subprocess.run(
                [AWS / "bin" / "python", "-m", "pip", "install", "--quiet", "awscli"],
                check=True,
                stdout=sys.stderr,
            )

    def copy(self, source: str, target: str, *options: str) -> None:
        """Type it. Raises CalledProcessError."""
        server = self._server
        keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
        words = ["s3", "cp", *options, "--endpoint-url", server.url, "--only-show-errors", source, target]
        subprocess.run(
            [self._program, *words], env=os.environ | keys | {"AWS_DEFAULT_REGION": "us-east-1"}, check=True
        )


def beside_awscli(
    measure: Callable[[Awscli, Path, int, Figures], None], what: str, places: Mapping[str, str], floor_is: str
) -> Iterator[Row]:
    """Up and down, in turns, so that all meet the same machine.

    `measure` notes seconds as "PLACE up" and "PLACE down", for each of the places and for `aws`.
    """
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SeaweedServer(folder / "seaweed") as server:
            server.make_bucket()
            aws = Awscli(server)
            with _store_in(server, folder):
                for number in range(TIMES):
                    measure(aws, folder, number, figures)
    for place, said in places.items():
        for way in ("up", "down"):
            yield Row(
                what=f"{what} {way}, {said}",
                unit="s",
                figures=tuple(figures[f"{place} {way}"]),
                floor=sorted(figures[f"aws {way}"])[TIMES // 2],
                floor_is=f"{floor_is}, the same server",
                goal="1.3x of aws s3 cp",
            )
