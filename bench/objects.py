"""A large `File` to and from the artifact store in S3 and `s3://`, beside `aws s3 cp` of the same file."""

import filecmp
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.rows import Row, timed
from bench.s3_store import Awscli, Figures, beside_awscli
from flyte.io import File
from flyte.remote import upload_file
from testkit.seaweed import BUCKET

FILE_MIB = int(os.environ.get("FLYTE_BENCH_FILE_MIB", "1024"))


def rows() -> Iterator[Row]:
    """See `beside_awscli`."""
    places = {"store": "through signed URLs, hashed and verified", "s3": "straight in s3://"}
    return beside_awscli(_measure, f"{FILE_MIB} MiB file", places, "aws s3 cp, the same file")


def _measure(aws: Awscli, folder: Path, number: int, figures: Figures) -> None:
    source, uri = folder / f"file{number}", ""
    _write(source)
    aws_uri, s3_uri = f"s3://{BUCKET}/aws/{number}", f"s3://{BUCKET}/direct/{number}"
    got = folder / "got"

    def note(what: str, work: Callable[[], object]) -> None:
        figures.setdefault(what, []).append(timed(work))
        if what.endswith("down"):
            assert filecmp.cmp(source, got, shallow=False), f"{what}: another content came back"
            got.unlink()

    def store_up() -> None:
        nonlocal uri
        uri = upload_file(source)[1]

    note("aws up", lambda: aws.copy(str(source), aws_uri))
    note("store up", store_up)
    note("s3 up", lambda: File.from_local_sync(source, s3_uri))
    note("aws down", lambda: aws.copy(aws_uri, str(got)))
    note("store down", lambda: File(path=uri).download_sync(got))
    note("s3 down", lambda: File(path=s3_uri).download_sync(got))
    source.unlink()


def _write(file: Path) -> None:
    """A content of its own, so that nothing is there already."""
    with file.open("wb") as out:
        for _ in range(FILE_MIB):
            out.write(os.urandom(1024**2))
