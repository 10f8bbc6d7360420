"""What every place of files and folders must do: this machine, the artifact store, what fsspec reaches."""

import asyncio
import random
from pathlib import Path

import pytest

from flyte.io import Dir, File, HashFunction
from flyte.io._places import place_of

ODD_NAMES = ("ä b.txt", "100%.txt", "a#b?c.txt", "it's.txt", "deep/er/x", ".hidden", "tab\there")
"""Names that a URL, a glob or a shell would take for something else."""


def filled(root: Path, *, large_bytes: int = 3_000_000) -> Path:
    """A folder with files of odd names, an empty one, some small ones and one that is large."""
    for number, name in enumerate(ODD_NAMES):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{number} {name}".encode())
    (root / "empty.bin").write_bytes(b"")
    (root / "deep" / "large.bin").write_bytes(random.Random(1).randbytes(large_bytes))
    return root


def contents(root: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


class PlaceCases:
    """`root`: a fixture with the URI of a folder that nothing is in, which need not be there."""

    async def test_what_is_written_is_read_as_bytes_as_text_and_in_parts(self, root: str) -> None:
        file: File[str] = File(path=f"{root}/x/out.txt")
        assert not await file.exists()
        async with file.open("wb") as out:
            await out.write(b"one\n")
            await out.write(b"two\n")
        assert await file.exists()
        async with file.open() as content:
            assert await content.read(3) == b"one"
            await content.seek(-4, 2)
            assert await content.read() == b"two\n"
            await content.seek(1)
            assert await content.readline() == b"ne\n"
        with file.open_sync("r") as text:
            assert [line.strip() for line in text] == ["one", "two"]

    async def test_what_is_written_compressed_is_read_compressed(self, root: str) -> None:
        file: File[str] = File(path=f"{root}/out.txt.gz")
        async with file.open("wb", compression="infer") as out:
            await out.write(b"x" * 100_000)
        async with file.open("rb") as packed:
            assert len(await packed.read()) < 1000
        with file.open_sync("r", compression="gzip") as text:
            assert text.read() == "x" * 100_000

    def test_a_file_is_put_got_and_hashed(self, root: str, tmp_path: Path) -> None:
        source = tmp_path / "large.bin"
        source.write_bytes(random.Random(2).randbytes(20_000_000))  # more than one part, more than one range
        method = HashFunction.from_fn(lambda data: str(len(data)))
        file = File.from_local_sync(source, f"{root}/large.bin", hash_method=method)
        assert file.hash == "20000000" and file.name == "large.bin"
        target = tmp_path / "there" / "copy.bin"
        assert file.download_sync(target) == str(target)
        assert target.read_bytes() == source.read_bytes()
        assert [path.name for path in target.parent.iterdir()] == ["copy.bin"]
        with file.open_sync() as content:
            assert content.read() == source.read_bytes()
        with file.open_sync() as content:
            content.seek(19_000_001)
            assert content.read(5) == source.read_bytes()[19_000_001:19_000_006]

    def test_a_hash_method_of_a_new_file_sees_what_is_written(self, root: str) -> None:
        file: File[str] = File(path=f"{root}/hashed.txt")
        file._hash_method = HashFunction.from_fn(bytes.decode)
        with file.open_sync("w") as out:
            out.write("content")
        assert file.hash == "content"

    async def test_a_folder_makes_the_way_there_and_back(self, root: str, tmp_path: Path) -> None:
        source = filled(tmp_path / "source")
        folder: Dir[str] = await Dir.from_local(source, f"{root}/folder")
        assert folder.name == "source" and await folder.exists()
        target = tmp_path / "target"
        assert await folder.download(target) == str(target)
        assert contents(target) == contents(source)
        assert await folder.download(target) == str(target)  # once more, upon what is there
        assert contents(target) == contents(source)

    async def test_a_folder_is_walked_in_order_and_its_files_are_files(
        self, root: str, tmp_path: Path
    ) -> None:
        folder: Dir[str] = await Dir.from_local(filled(tmp_path / "source"), f"{root}/folder")
        names = [file.name async for file in folder.walk()]
        near = sorted(name for name in (*ODD_NAMES, "empty.bin") if "/" not in name)
        assert names == [*near, "large.bin", "x"]
        assert [file.name for file in await folder.list_files()] == near
        assert [file.name for file in folder.walk_sync(file_pattern="*.txt")] == [
            name for name in near if name.endswith(".txt")
        ]
        assert [file.name for file in folder.walk_sync(max_depth=2)] == [*near, "large.bin"]
        for name in ODD_NAMES:
            found = await folder.get_file(name)
            assert found is not None and found.name == name.rpartition("/")[2]
            async with found.open("r") as content:
                assert (await content.read()).endswith(f" {name}")
        assert await folder.get_file("nothing") is None
        empty = await folder.get_file("empty.bin")
        assert empty is not None and Path(await empty.download()).read_bytes() == b""

    async def test_what_is_not_there_is_named(self, root: str, tmp_path: Path) -> None:
        file: File[str] = File(path=f"{root}/nothing")
        folder: Dir[str] = Dir(path=f"{root}/no-folder")
        assert not await file.exists() and not await folder.exists()
        with pytest.raises(FileNotFoundError, match="nothing"):
            await file.download(tmp_path / "x")
        with pytest.raises(FileNotFoundError, match="nothing"):
            async with file.open("rb") as content:
                await content.read()
        with pytest.raises((NotADirectoryError, FileNotFoundError), match="no-folder"):
            await folder.list_files()
        with pytest.raises(NotADirectoryError, match="there is no folder"):
            await Dir.from_local(tmp_path / "no", f"{root}/y")
        assert not list(tmp_path.iterdir())

    async def test_many_files_are_written_and_read_at_the_same_time(self, root: str) -> None:
        files: list[File[str]] = [File(path=f"{root}/many/{number}.txt") for number in range(30)]

        async def write(file: File[str]) -> None:
            async with file.open("w") as out:
                await out.write(file.path)

        places = [file.path for file in files]
        await asyncio.gather(*(write(file) for file in files))
        paths = await asyncio.gather(*(file.download() for file in files))
        assert [Path(path).read_text() for path in paths] == places
        assert len(place_of(places[0]).entries(f"{root}/many")) == 30


class GivingUpCases(PlaceCases):
    """Of places where a file that is being written is not there before it is whole: all but this machine."""

    def test_what_is_not_written_to_its_end_is_not_there(self, root: str) -> None:
        file: File[str] = File(path=f"{root}/half.txt")
        with pytest.raises(ZeroDivisionError), file.open_sync("wb") as out:
            out.write(b"x" * 6_000_000)
            raise ZeroDivisionError
        assert not file.exists_sync()
