"""A folder of many small files, to and from the artifact store in S3 and `s3://`, beside `aws s3 cp`."""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.rows import Row, timed
from bench.s3_store import Awscli, store_in
from flyte.io import Dir
from flyte.io._folders import upload
from testkit.seaweed import BUCKET, SeaweedServer

FILES = int(os.environ.get("FLYTE_BENCH_FILES", "5000"))
FILE_BYTES = 2048
TIMES = 3
RECURSIVE = "--recursive"

Figures = dict[str, list[float]]


def rows() -> Iterator[Row]:
    """Up and down, in turns, so that all meet the same machine."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SeaweedServer(folder / "seaweed") as server:
            server.make_bucket()
            aws = Awscli(server)
            figures: Figures = {}
            with store_in(server, folder):
                for number in range(TIMES):
                    _measure(aws, folder, number, figures)
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


def _measure(aws: Awscli, folder: Path, number: int, figures: Figures) -> None:
    source = folder / f"source{number}"
    _write(source, number)
    uri: list[str] = []
    aws_uri, s3_uri = f"s3://{BUCKET}/aws{number}", f"s3://{BUCKET}/direct{number}"

    def note(what: str, work: Callable[[], object]) -> None:
        figures.setdefault(what, []).append(timed(work))

    note("aws up", lambda: aws.copy(str(source), aws_uri, RECURSIVE))
    note("store up", lambda: uri.append(upload(source)))
    note("s3 up", lambda: Dir.from_local_sync(source, s3_uri))
    note("aws down", lambda: aws.copy(aws_uri, str(folder / "aws-got"), RECURSIVE))
    note("store down", lambda: Dir(path=uri[0]).download_sync(folder / "store-got"))
    note("s3 down", lambda: Dir(path=s3_uri).download_sync(folder / "s3-got"))
    for name in ("aws-got", "store-got", "s3-got"):
        subprocess.run(["diff", "-r", str(source), str(folder / name)], check=True)
        shutil.rmtree(folder / name)


def _write(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(FILES):
        path = folder / str(number % 50) / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(FILE_BYTES))
