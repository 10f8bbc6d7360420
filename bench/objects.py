"""Objects in S3: a large file through signed URLs, beside `aws s3 cp` of the same file to the same server."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

from bench.rows import Row, timed
from flyte._runtime.transfer import Artifacts
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_dataproxy.app import build
from flyte_dataproxy.settings import DataproxySettings, S3Settings
from testkit.seaweed import BUCKET, SeaweedServer

FILE_MIB = int(os.environ.get("FLYTE_BENCH_FILE_MIB", "1024"))
TIMES = 3
AWS = Path(__file__).parent / "results" / "aws"
"""A scratch environment for awscli, whose botocore is another one than ours."""


def rows() -> Iterator[Row]:
    """Up and down, in turns with awscli, so that both meet the same machine."""
    aws = awscli()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SeaweedServer(folder / "seaweed") as server:
            server.make_bucket()
            yield from asyncio.run(_measure(server, aws, folder))


async def _measure(server: SeaweedServer, aws: Path, folder: Path) -> list[Row]:
    ours: dict[str, list[float]] = {"up": [], "down": []}
    theirs: dict[str, list[float]] = {"up": [], "down": []}
    for number in range(TIMES):
        file = folder / f"file{number}"
        _write(file)
        for way, seconds in (await _by_signed_urls(server, file, folder / "got")).items():
            ours[way].append(seconds)
        for way, seconds in _by_awscli(server, aws, file, folder / "got").items():
            theirs[way].append(seconds)
        await asyncio.to_thread(file.unlink)
    return [
        Row(
            what=f"{FILE_MIB} MiB file {way}, through signed URLs, hashed and verified",
            unit="s",
            figures=tuple(ours[way]),
            floor=sorted(theirs[way])[TIMES // 2],
            floor_is="aws s3 cp, the same file, the same server",
            goal="1.3x of aws s3 cp",
        )
        for way in ("up", "down")
    ]


async def _by_signed_urls(server: SeaweedServer, file: Path, got: Path) -> dict[str, float]:
    s3 = S3Settings(
        bucket=BUCKET,
        endpoint_url=server.url,
        region="us-east-1",
        addressing_style="path",
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        dataproxy = await build(bus, DataproxySettings(root=file.parent, s3=s3))
        await dataproxy.start()
        artifacts = Artifacts(bus.ask, "bench", "bench")
        begun = time.perf_counter()
        stored = await artifacts.put_file(file)
        up = time.perf_counter() - begun
        await artifacts.get_named_to_file(stored.uri, got)
        down = time.perf_counter() - begun - up
        await dataproxy.stop()
    await asyncio.to_thread(got.unlink)
    return {"up": up, "down": down}


def _by_awscli(server: SeaweedServer, aws: Path, file: Path, got: Path) -> dict[str, float]:
    there = f"s3://{BUCKET}/awscli/{file.name}"

    def copy(source: str, target: str) -> None:
        subprocess.run(
            [aws, "s3", "cp", source, target, "--endpoint-url", server.url, "--only-show-errors"],
            env=os.environ
            | {
                "AWS_ACCESS_KEY_ID": server.access_key,
                "AWS_SECRET_ACCESS_KEY": server.secret_key,
                "AWS_DEFAULT_REGION": "us-east-1",
            },
            check=True,
        )

    up = timed(lambda: copy(str(file), there))
    down = timed(lambda: copy(there, str(got)))
    got.unlink()
    return {"up": up, "down": down}


def _write(file: Path) -> None:
    """A content of its own, so that nothing is there already."""
    with file.open("wb") as out:
        for _ in range(FILE_MIB):
            out.write(os.urandom(1024**2))


def awscli() -> Path:
    """awscli in an environment of its own, which stays for the next time."""
    program = AWS / "bin" / "aws"
    if not program.exists():
        shutil.rmtree(AWS, ignore_errors=True)
        venv.create(AWS, with_pip=True)
        subprocess.run(
            [AWS / "bin" / "python", "-m", "pip", "install", "--quiet", "awscli"],
            check=True,
            stdout=sys.stderr,
        )
    return program
