"""Reports, and files that were uploaded, on an embedded stack: stored by one process, read by others."""

import json
from dataclasses import replace

from testkit.cli import Cli, outputs_of

SOURCE = """\
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import flyte
import flyte.remote
import flyte.report
from flyte.io import DataFrame, Dir, File

env = flyte.TaskEnvironment(name="data")


class Sizes(NamedTuple):
    file: int
    files: list[str]


@env.task(report=True, retries=1)
async def reporting(fails: int = 0) -> str:
    context = flyte.ctx()
    assert context.run_start_time < datetime.now(timezone.utc)
    await flyte.report.log.aio(f"<p>attempt {context.attempt_number}</p>", do_flush=True)
    flyte.report.get_tab("More").log("<p>later</p>")
    if context.attempt_number < fails:
        raise ValueError("not yet")
    return str(context.run_start_time)


@env.task
async def parent() -> bool:
    return await reporting() == str(flyte.ctx().run_start_time)


@env.task
async def sizes(file: File, folder: Dir) -> Sizes:
    assert file.exists_sync() and await folder.exists()
    async with file.open("rb") as content:
        size = len(await content.read())
    copied = Path(await folder.download("copied"))
    assert (copied / "sub" / "b.txt").read_text() == "b"
    near = await folder.get_file("a.txt")
    assert Path(near.download_sync()).read_text() == "a"
    assert [item.name for item in await folder.list_files()] == ["a.txt"]
    return Sizes(size, [item.name async for item in folder.walk()])


@env.task
def missing(file: File) -> str:
    try:
        file.open_sync("rb").__enter__()
    except FileNotFoundError as error:
        return f"{file.exists_sync()} {error}"


if __name__ == "__main__":
    flyte.init_from_config()
    md5, uri = flyte.remote.upload_file("large.bin")
    assert len(md5) == 32
    folder = Dir.from_existing_remote(flyte.remote.upload_dir("folder"))
    assert [file.name for file in folder.walk_sync()] == ["a.txt", "b.txt"]
    run = flyte.run(sizes, file=File.from_existing_remote(uri), folder=folder)
    run.wait(quiet=True)
    print(run.outputs().file, run.outputs().files)
    gone = flyte.run(missing, file=File.from_existing_remote(uri[:-4] + "0000"))
    gone.wait(quiet=True)
    print(gone.outputs()[0])
    try:
        with File.from_existing_remote(uri).open_sync("wb"):
            pass
    except flyte.errors.RuntimeUserError as error:
        print(error.code)
"""

UNGUARDED = """\
import flyte

env = flyte.TaskEnvironment("unguarded")


@env.task
def main() -> int:
    return 1


flyte.init_from_config()
run = flyte.run(main)
run.wait(quiet=True)
print(run.status, run.details().error_info.code, run.details().error_info.message)
"""


def test_a_report_is_stored_by_content_and_found_by_the_run(cli: Cli) -> None:
    cli.write("data_flow.py", SOURCE)
    cli.ok("run", "--name", "reporting1", "--follow", "data_flow.py", "reporting", "--fails", "1")
    page = cli.ok("get", "report", "reporting1")
    assert "<p>attempt 1</p>" in page and "<p>later</p>" in page
    assert "<p>attempt 0</p>" in cli.ok("get", "report", "reporting1", "--attempt", "1")
    cli.ok("get", "report", "reporting1", "--to", "page.html")
    assert (cli.folder / "page.html").read_text() == page
    assert "reported in attempt 2: " in cli.ok("events", "reporting1")
    refused = cli("get", "report", "reporting1", "--attempt", "7")
    assert refused.returncode == 1
    assert "has no report: declare its task with report=True" in refused.stderr


def test_a_child_knows_when_its_run_began(cli: Cli) -> None:
    cli.write("data_flow.py", SOURCE)
    assert "true" in outputs_of(cli.ok("run", "--follow", "data_flow.py", "parent")).lower()


def test_what_a_client_uploads_is_read_by_tasks(cli: Cli) -> None:
    cli.write("data_flow.py", SOURCE)
    cli.write("folder/a.txt", "a")
    cli.write("folder/sub/b.txt", "b")
    (cli.folder / "large.bin").write_bytes(b"x" * 3_000_000)
    done = cli.python("data_flow.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "3000000 ['a.txt', 'b.txt']"
    assert lines[1].startswith("False there is nothing at flyte://artifacts/")
    assert lines[2] == "ArtifactNotWritable"


def test_a_module_that_starts_a_run_when_it_is_imported_does_so_once(cli: Cli) -> None:
    cli.write("unguarded.py", UNGUARDED)
    refused = cli.python("unguarded.py")
    assert "unguarded.py (line 12) cannot be deployed" in refused.stderr
    unrehearsed = replace(cli, variables={**cli.variables, "FLYTE_REHEARSAL": "off"})
    done = unrehearsed.python("unguarded.py")
    assert done.returncode == 0, done.stderr
    assert "FAILED ModuleLoadError" in done.stdout
    assert "below `if __name__ == '__main__':`" in done.stdout
    assert len(json.loads(cli.ok("get", "run", "--task-name", "unguarded.main", "-o", "json"))) == 1
