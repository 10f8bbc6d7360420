"""A folder of many small files, to and from the artifact store in S3 and `s3://`, beside `aws s3 cp`."""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.objects import awscli
from bench.rows import Row, timed
from flyte import _session
from flyte._config import ClientConfig
from flyte._syncify import block_on
from flyte.io import Dir
from flyte.io._folders import upload
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.settings import DataproxySettings, S3Settings
from testkit.artifact_store import StoreClient
from testkit.seaweed import BUCKET, SeaweedServer

FILES = int(os.environ.get("FLYTE_BENCH_FILES", "5000"))
FILE_BYTES = 2048
TIMES = 3

Figures = dict[str, list[float]]


def rows() -> Iterator[Row]:
    """Up and down, in turns, so that all meet the same machine."""
    aws = awscli()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SeaweedServer(folder / "seaweed") as server:
            server.make_bucket()
            figures: Figures = {}
            dataproxy = _dataproxy(server, folder)
            try:
                for number in range(TIMES):
                    _measure(server, aws, folder, number, figures)
            finally:
                block_on(dataproxy.stop())
    for what, where in (("store", "in the artifact store"), ("s3", "straight in s3://")):
        for way in ("up", "down"):
            yield Row(
                what=f"{FILES} files of {FILE_BYTES} bytes {way}, {where}",
                unit="s",
                figures=tuple(figures[f"{what} {way}"]),
                floor=sorted(figures[f"aws {way}"])[TIMES // 2],
                floor_is="aws s3 cp --recursive, the same files, the same server",
                goal="1.3x of aws s3 cp",
            )


def _measure(server: SeaweedServer, aws: Path, folder: Path, number: int, figures: Figures) -> None:
    source = folder / f"source{number}"
    _write(source, number)
    uri: list[str] = []
    aws_uri, s3_uri = f"s3://{BUCKET}/aws{number}", f"s3://{BUCKET}/direct{number}"

    def note(what: str, work: Callable[[], object]) -> None:
        figures.setdefault(what, []).append(timed(work))

    note("aws up", lambda: _aws(server, aws, str(source), aws_uri))
    note("store up", lambda: uri.append(upload(source)))
    note("s3 up", lambda: Dir.from_local_sync(source, s3_uri))
    note("aws down", lambda: _aws(server, aws, aws_uri, str(folder / "aws-got")))
    note("store down", lambda: Dir(path=uri[0]).download_sync(folder / "store-got"))
    note("s3 down", lambda: Dir(path=s3_uri).download_sync(folder / "s3-got"))
    for name in ("aws-got", "store-got", "s3-got"):
        subprocess.run(["diff", "-r", str(source), str(folder / name)], check=True)
        shutil.rmtree(folder / name)


def _dataproxy(server: SeaweedServer, folder: Path) -> DataproxyService:
    """A running one in the S3 server, which this process's client asks; `s3://` goes to the same server."""
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
    return service


def _aws(server: SeaweedServer, aws: Path, source: str, target: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    subprocess.run(
        [aws, "s3", "cp", "--recursive", "--endpoint-url", server.url, "--only-show-errors", source, target],
        env=os.environ | keys | {"AWS_DEFAULT_REGION": "us-east-1"},
        check=True,
    )


def _write(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(FILES):
        path = folder / str(number % 50) / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(FILE_BYTES))
