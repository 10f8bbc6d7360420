"""A stack whose objects lie in S3: a real S3 server, as a user types it; also when that server dies.

The whole of this folder runs on S3 with `FLYTE_TEST_ARTIFACTS=s3`; these tests do so always.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli, outputs_of
from testkit.seaweed import BUCKET, SeaweedServer
from testkit.stacks import running_stack

TASKS = """
import asyncio
import pathlib
import flyte
import flyte.report

env = flyte.TaskEnvironment(name="env")
@env.task(max_inline_io_bytes=10**9)
async def double(text: str) -> str:
    return text * 2

@env.task(max_inline_io_bytes=10**9)
async def echo(data: bytes) -> bytes:
    return data

@env.task(report=True, max_inline_io_bytes=10**9)
async def chain(seed: str) -> int:
    flyte.report.log("<p>chained</p>")
    text = seed * 1_000_000
    for _ in range(3):
        text = await double(text)
    await flyte.report.flush.aio()
    parts = seed.encode() * 7_000_000  # more than one part of an object has
    assert await echo(parts) == parts
    return len(text)

@env.task(max_inline_io_bytes=10**9)
async def piece(number: int) -> str:
    return str(number) * 300_000

@env.task(max_inline_io_bytes=10**9)
async def through_an_outage(signs: str) -> int:
    first = await asyncio.gather(*(piece(number) for number in range(2)))
    (pathlib.Path(signs) / "begun").touch()
    while not (pathlib.Path(signs) / "away").exists():
        await asyncio.sleep(0.02)
    rest = await asyncio.gather(*(double(text) for text in first))
    return sum(map(len, rest))

@env.task
def read(given: flyte.io.File) -> int:
    with given.open_sync("rb") as file:
        return len(file.read())
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    with SeaweedServer(tmp_path_factory.mktemp("seaweed")) as server:
        server.make_bucket()
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, s3: SeaweedServer) -> Iterator[Path]:
    with running_stack(tmp_path_factory.mktemp("stack"), s3) as home:
        yield home


@pytest.fixture
def user(tmp_path: Path, home: Path) -> Cli:
    cli = Cli(tmp_path, {"FLYTE_HOME": str(home)})
    cli.write("tasks.py", TASKS)
    return cli


def objects(s3: SeaweedServer) -> int:
    """How many objects lie in the bucket."""
    client = s3.client()
    found = client.list_objects_v2(Bucket=BUCKET).get("KeyCount", 0)
    client.close()
    return int(found)


def test_code_values_and_reports_go_to_the_bucket_and_come_back(
    user: Cli, s3: SeaweedServer, home: Path
) -> None:
    printed = user.ok("run", "--name", "chained", "tasks.py", "chain", "--seed", "abc")
    assert outputs_of(printed) == "Outputs: ActionOutputs(o0=24000000)"
    assert "<p>chained</p>" in user.ok("get", "report", "chained")
    assert objects(s3) >= 5  # the bundle, a report, values of three sizes
    assert not (home / "artifacts").exists()
    assert user.ok("get", "io", "chained")
    assert "unused   0 objects" in user.ok("gc", "--apply", "--older-than", "1 hour")
    refused = user("gc", "--older-than", "5 minutes")
    assert (refused.returncode, "at least 1 hour" in refused.stderr) == (2, True)


def test_a_file_of_the_client_is_read_by_a_task(user: Cli, tmp_path: Path) -> None:
    user.write(
        "main.py",
        """
import pathlib
import flyte, flyte.io, flyte.remote
import tasks

flyte.init_from_config()
large = pathlib.Path("large.bin")
large.write_bytes(bytes(range(256)) * 100_000)
md5, uri = flyte.remote.upload_file(large)
assert flyte.remote.upload_file(large) == (md5, uri)
run = flyte.run(tasks.read, given=flyte.io.File.from_existing_remote(uri))
run.wait()
print("read", run.outputs()[0])
""",
    )
    done = user.python("main.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "read 25600000" in done.stdout


def test_a_dead_s3_delays_a_run_and_loses_nothing(user: Cli, s3: SeaweedServer, tmp_path: Path) -> None:
    signs = tmp_path / "signs"
    signs.mkdir()
    running = user.spawn("run", "tasks.py", "through_an_outage", "--signs", str(signs))
    try:
        while not (signs / "begun").exists():
            assert running.poll() is None, running.communicate()[0]
        s3.kill()
        (signs / "away").touch()
        s3.start()
        printed, _ = running.communicate(timeout=80)
    finally:
        user.end()
    assert running.returncode == 0, printed
    assert outputs_of(printed) == "Outputs: ActionOutputs(o0=1200000)"


@pytest.mark.parametrize(
    ("options", "changes", "said"),
    [
        (["--artifacts", "s3://no-such-bucket"], {}, "there is no such bucket: create it"),
        (
            ["--artifacts", f"s3://{BUCKET}"],
            {"FLYTE_AWS_SECRET_ACCESS_KEY": "x"},
            "FLYTE_AWS_SECRET_ACCESS_KEY",
        ),
        (["--artifacts", "gs://bucket"], {}, "not in gs://bucket"),
        (["--artifacts", "s3://A_B"], {}, "names no bucket"),
    ],
    ids=["bucket", "key", "scheme", "name"],
)
def test_a_stack_that_could_keep_nothing_does_not_start_and_says_why(
    tmp_path: Path, s3: SeaweedServer, options: list[str], changes: dict[str, str], said: str
) -> None:
    endpoint = [] if options[1].startswith("gs:") else ["--endpoint-url", s3.url]
    done = Cli(tmp_path, {**s3.variables, **changes})(
        "start", "--home", str(tmp_path / "home"), *options, *endpoint
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_another_folder_keeps_the_objects_when_it_is_named(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"FLYTE_HOME": str(tmp_path / "home")})
    cli.write("tasks.py", TASKS)
    cli.ok("start", "--detach", "--artifacts", "elsewhere")
    try:
        cli.ok("deploy", "tasks.py", "env")
    finally:
        cli.ok("stop")
    assert [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()]
    assert not (tmp_path / "home" / "artifacts").exists()
