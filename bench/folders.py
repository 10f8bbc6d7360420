"""A folder of many small files, to and from the artifact store in S3 and `s3://`, beside `aws s3 cp`."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.rows import Row, timed
from bench.s3_store import Awscli, Figures, beside_awscli
from flyte.io import Dir
from flyte.io._folders import upload
from testkit.seaweed import BUCKET

FILES = int(os.environ.get("FLYTE_BENCH_FILES", "5000"))
FILE_BYTES = 2048
RECURSIVE = "--recursive"


def rows() -> Iterator[Row]:
    """See `beside_awscli`."""
    places = {"store": "in the artifact store", "s3": "straight in s3://"}
    return beside_awscli(
        _measure, f"{FILES} files of {FILE_BYTES} bytes", places, "aws s3 cp --recursive, the same files"
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
