"""Files and folders: written by one task, opened by others, wherever those run.

flyte run sdk/examples/05_files.py report --words 2000
flyte run sdk/examples/05_files.py size --file README.md
flyte run sdk/examples/05_files.py count --folder docs
"""

import asyncio
from pathlib import Path

import flyte
from flyte.io import Dir, File

env = flyte.TaskEnvironment(name="files")


@env.task
async def write(words: int) -> File:
    """A new file: where it lies is up to the stack."""
    file: File[str] = File.new_remote("words.txt")
    async with file.open("w") as out:
        for number in range(words):
            await out.write(f"word{number % 7}\n")
    return file


@env.task
def split(file: File, parts: int) -> Dir:
    """A folder of this machine becomes one that others can open."""
    folder = Path("parts")
    folder.mkdir()
    with file.open_sync("r") as content:
        lines = content.readlines()
    for part in range(parts):
        (folder / f"{part}.txt").write_text("".join(lines[part::parts]))
    return Dir.from_local_sync(folder)


@env.task(cache="auto")
def size(file: File) -> int:
    """Cached by what the file holds: the same content is read once."""
    return Path(file.download_sync()).stat().st_size


@env.task
async def count(folder: Dir) -> int:
    return len([file async for file in folder.walk()])


@env.task
async def report(words: int) -> dict[str, int]:
    folder = await split.aio(await write(words), parts=4)
    files = [file async for file in folder.walk()]
    sizes = await asyncio.gather(*(size.aio(file) for file in files))
    return {str(file.name): found for file, found in zip(files, sizes, strict=True)}


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(report, words=2000)
    run.wait()
    print(run.outputs()[0])
