"""Files from outside: code bundles, exported runs, configurations; and the values of tasks."""

import contextlib
import gzip
import io
import shutil
import stat
import tarfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import orjson

from flyte import errors
from flyte._archive.checking import NotImported, check
from flyte._archive.reading import reading
from flyte._archive.records import EVENTS, LOGS, OBJECTS, SEAL, TASKS, Damaged
from flyte._config import make_config
from flyte._runtime.convert import from_json, to_json
from flyte._runtime.interface import native_interface
from flyte_agent.bundle import BundleRefused, unpack
from flyte_agent.settings import AgentSettings
from testkit.archives import rewrite, write_archive
from testkit.fuzz.chooser import Chooser
from testkit.fuzz.documents import mutated, odd
from testkit.fuzz.entry import Broken, Entry

KINDS = (
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
)
HEADERS = ("size", "path", "mtime", "hdrcharset", "GNU.sparse.map", "GNU.sparse.major", "GNU.sparse.minor")
"""Of an entry, that say more of it, or otherwise than its block."""
SAID = ("", "0", "1", "-512", "-2048", "9" * 25, "1e400", "nan", "0,1", "0,1,x", "../x", "BINARY")
NAMES = ("a.py", "b/c.py", "../x", "/etc/x", "a/../../b", "b", "", "a" * 300, "é", "a\x00b")


class Unpacking(Entry):
    """Of any archive come files and folders below its root, within the limits, or `BundleRefused`."""

    name = "bundles"
    LIMIT: ClassVar = 100_000

    async def feed(self, chooser: Chooser) -> None:
        root, archive = self.folder / "root", self.folder / "bundle.tar.gz"
        root.mkdir()
        archive.write_bytes(self._packed(chooser))
        settings = AgentSettings(home=self.folder, max_bundle_bytes=self.LIMIT, max_bundle_files=8)
        try:
            with contextlib.suppress(BundleRefused):
                unpack(archive, root, settings)
            self._look_at(root)
        finally:
            shutil.rmtree(root)

    def _packed(self, chooser: Chooser) -> bytes:
        out = io.BytesIO()
        kind = chooser.pick((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
        with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
            for _ in chooser.times(5):
                name = chooser.pick(NAMES) if not chooser.one_in(4) else chooser.text()
                info = tarfile.TarInfo(name)
                info.type = chooser.pick(KINDS) if chooser.one_in(2) else tarfile.REGTYPE
                info.linkname = chooser.pick(NAMES)
                info.mode = chooser.below(0o10000)
                if chooser.one_in(4):
                    info.pax_headers = {chooser.pick(HEADERS): chooser.pick(SAID) for _ in range(2)}
                content = bytes(chooser.pick((0, 10, 1_000, 200_000)))
                info.size = len(content) if info.isreg() else 0
                with contextlib.suppress(ValueError, UnicodeError):  # what no tar can say
                    tar.addfile(info, io.BytesIO(content))
        raw = bytearray(out.getvalue())
        for _ in range(chooser.below(4)):
            raw[chooser.below(len(raw))] = chooser.byte()
        packed = bytearray(gzip.compress(bytes(raw), 1))
        if chooser.one_in(4):
            packed[chooser.below(len(packed))] = chooser.byte()
        return bytes(packed)

    def _look_at(self, root: Path) -> None:
        sizes = 0
        for path in root.rglob("*"):
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or mode & 0o7022:
                raise Broken(f"{path.name!r} came out with the mode {mode:o}")
            sizes += path.lstat().st_size if stat.S_ISREG(mode) else 0
        if sizes > self.LIMIT or sorted(one.name for one in self.folder.iterdir()) != [
            "bundle.tar.gz",
            "root",
        ]:
            raise Broken(f"{sizes} bytes came out, or something beside the root")


class Importing(Entry):
    """An exported run that anybody changed is refused with a reason; never is something else read."""

    name = "archives"

    async def open(self) -> None:
        self._whole = self.folder / "whole.zip"
        write_archive(self._whole)

    async def feed(self, chooser: Chooser) -> None:
        path = self.folder / "copy.zip"
        shutil.copyfile(self._whole, path)
        if chooser.one_in(2):
            raw = bytearray(path.read_bytes())
            for _ in chooser.times(3):
                raw[chooser.below(len(raw))] = chooser.byte()
            path.write_bytes(bytes(raw[: len(raw) - chooser.below(3)]))
        else:
            part = chooser.pick((EVENTS, TASKS, LOGS, OBJECTS, SEAL))
            rewrite(path, part, lambda lines: [_changed(chooser, line) for line in lines])
        same = path.read_bytes() == self._whole.read_bytes()
        try:
            with reading(path) as reader:
                check(reader)
        except (Damaged, NotImported) as error:
            assert str(error)
        else:
            self._compare(path, same=same)

    def _compare(self, path: Path, *, same: bool) -> None:
        """What was taken says what the whole one does: a byte between its parts may differ."""
        if same:
            return
        with reading(path) as reader, reading(self._whole) as whole:
            assert list(reader.all_records()) == list(whole.all_records())


def _changed(chooser: Chooser, line: bytes) -> bytes:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    return mutated(chooser, line) if chooser.one_in(2) else line


class Configuring(Entry):
    """A configuration file is read, or refused with one sentence that names it."""

    name = "configurations"
    TEXT: ClassVar = (
        "admin:\n  endpoint: dns:///h:1\n  insecure: true\n  clientId: u\n  clientSecret: s\n"
        "task:\n  project: p\n  domain: d\nimage:\n  builder: local\nlocal:\n  persistence: true\n"
    )
    ODD: ClassVar = (
        "!!python/object/apply:os.system [x]", "&a [*a]", "- 1", "{", "\x00", "%", "? a\n", "<<: 1",
        "2026-99-99", "0x_1", "[" * 200, "!!binary x", "!!timestamp x", "!!int x", "!!float .x",
        "{}", "[1]", ".nan",
    )  # fmt: skip

    async def feed(self, chooser: Chooser) -> None:
        lines = self.TEXT.splitlines()
        for _ in chooser.times(3):
            place = chooser.below(len(lines))
            key = lines[place].partition(":")[0]
            lines[place] = f"{key}: {chooser.pick(self.ODD) if chooser.one_in(2) else chooser.text()}"
        raw = (
            "\n".join(lines).encode("utf-8", "surrogateescape")
            if not chooser.one_in(8)
            else chooser.bytes(200)
        )
        path = self.folder / "config.yaml"
        path.write_bytes(raw)
        try:
            make_config(file=path, look_around=False)
        except (ValueError, errors.InitializationError) as error:
            assert str(error)


class Colour(Enum):
    """A choice."""

    RED = "red"


@dataclass
class Point:
    """A value with fields."""

    x: int
    names: list[str] = field(default_factory=list)


def task(
    a: int, b: float, c: str, d: bytes, e: datetime, f: timedelta, g: list[Point], h: dict[str, int | None],
    i: Colour, j: tuple[int, str], k: set[int], m: Any,
) -> None:  # fmt: skip
    """Takes one of each."""


class Valuing(Entry):
    """Any JSON as the value of a parameter: a value that is written as it was read, or one sentence."""

    name = "values"
    PARAMETERS: ClassVar = tuple(native_interface(task, "fuzz.task").inputs.values())

    async def feed(self, chooser: Chooser) -> None:
        parameter = chooser.pick(self.PARAMETERS)
        value = odd(chooser)
        for _ in range(chooser.below(3)):
            value = chooser.pick(
                ([value], {"x": value, "names": [value]}, {chooser.text(3): value}, [value, value])
            )
        try:
            read = from_json(parameter, value)
            again = to_json(parameter, read)
        except (TypeError, ValueError) as error:
            assert str(error)
            return
        assert to_json(parameter, from_json(parameter, again)) == again
