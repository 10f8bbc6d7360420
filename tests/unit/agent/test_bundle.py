"""An archive is not trusted: only plain files and folders below the root come out of it."""

import gzip
import io
import resource
import stat
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_agent.bundle import BundleRefused, fetch, unpack
from flyte_agent.settings import AgentSettings
from flyte_schemas.task import BundleReference

Members = list[tuple[tarfile.TarInfo, bytes]]


def entry(name: str, data: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info, data


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar.gz of these entries."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Unpacking:
    """Unpacks bytes into a root of its own, within small limits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        self.settings = AgentSettings(home=folder, max_bundle_bytes=1_000_000, max_bundle_files=10)

    def __call__(self, archive: bytes) -> None:
        path = self.folder / "bundle.tar.gz"
        path.write_bytes(archive)
        unpack(path, self.root, self.settings)

    def files(self) -> dict[str, bytes]:
        paths = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths}


@pytest.fixture
def unpacking(tmp_path: Path) -> Unpacking:
    return Unpacking(tmp_path)


def test_files_and_folders_come_out_as_they_went_in(unpacking: Unpacking) -> None:
    folder = entry("package/empty", type=tarfile.DIRTYPE)
    unpacking(packed(entry("main.py", b"x = 1\n"), folder, entry("package/läuft.py", b"pass")))
    assert unpacking.files() == {"main.py": b"x = 1\n", "package/läuft.py": b"pass"}
    assert (unpacking.root / "package" / "empty").is_dir()


def test_only_the_owners_right_to_execute_is_kept(unpacking: Unpacking) -> None:
    unpacking(packed(entry("run.sh", b"", mode=0o4777), entry("main.py", b"", mode=0o666)))
    modes = {path.name: path.stat().st_mode & 0o7777 for path in unpacking.root.iterdir()}
    assert modes["run.sh"] & 0o111
    assert not modes["main.py"] & 0o111
    assert not any(mode & 0o6022 for mode in modes.values())


@pytest.mark.parametrize("name", ["../evil.py", "a/../../evil.py", "/tmp/evil.py", "a/.."])
def test_an_entry_outside_the_root_is_refused_by_name(unpacking: Unpacking, name: str) -> None:
    with pytest.raises(BundleRefused, match=name.replace(".", r"\.")):
        unpacking(packed(entry("good.py"), entry(name, b"evil")))
    assert sorted(path.name for path in unpacking.folder.iterdir()) == ["bundle.tar.gz", "root"]


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
    ids=["symlink", "hardlink", "character device", "block device", "pipe"],
)
def test_what_is_no_file_is_refused_by_name(unpacking: Unpacking, kind: bytes) -> None:
    with pytest.raises(BundleRefused, match=r"trick\.py"):
        unpacking(packed(entry("trick.py", type=kind, linkname="/etc/passwd")))
    assert unpacking.files() == {}


@pytest.mark.parametrize(
    "told",
    [
        {"size": "-2048"},
        {"hdrcharset": "NO-UTF8"},
        {"GNU.sparse.map": "0,1,2"},
        {"GNU.sparse.map": "0,1,x"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
    ],
    ids=str,
)
def test_headers_that_no_deployment_writes_are_refused(unpacking: Unpacking, told: dict[str, str]) -> None:
    archive = gzip.decompress(packed(entry("a.py", b"x" * 1024, pax_headers=told), entry("b.py", b"y")))
    with pytest.raises(BundleRefused, match="bundle"):
        unpacking(gzip.compress(archive.replace(b"NO-UTF8", b"NO\xffUTF8")))


@pytest.mark.parametrize(
    "names", [["a.py", "a.py"], ["a", "a/b.py"], ["a/b.py", "a"], ["a.py", "a\0.py"]], ids=str
)
def test_entries_that_cannot_be_are_refused_by_name(unpacking: Unpacking, names: list[str]) -> None:
    members = [entry(name, b"x") for name in names]
    members[-1][0].pax_headers = {"path": names[-1]}
    with pytest.raises(BundleRefused, match="entry 'a"):
        unpacking(packed(*members))


def test_too_many_entries_are_refused(unpacking: Unpacking) -> None:
    unpacking(packed(*(entry(f"{number}.py") for number in range(10))))
    with pytest.raises(BundleRefused, match="more than 10 entries"):
        unpacking(packed(*(entry(f"more/{number}.py") for number in range(11))))


def test_a_bomb_is_refused_before_it_is_written(unpacking: Unpacking) -> None:
    with pytest.raises(BundleRefused, match="more than 1000000 bytes"):
        unpacking(packed(entry("small.py", b"x"), entry("bomb.bin", bytes(1_000_000))))
    assert unpacking.files() == {"small.py": b"x"}


def broken() -> dict[str, bytes]:
    whole = packed(entry("main.py", bytes(range(256)) * 1_000))
    return {
        "no archive": b"not a gzip file",
        "empty": b"",
        "cut off": whole[: len(whole) // 2],
        "no tar": gzip.compress(b"not a tar" * 1_000),
        "damaged": gzip.compress(gzip.decompress(whole), 0)[:200] + b"\xff" * 600,
    }


def test_a_name_that_is_not_utf8_is_refused(unpacking: Unpacking) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        archive.addfile(entry("m\xe4.py")[0])
    with pytest.raises(BundleRefused, match=r"m\\udce4\.py.*not UTF-8"):
        unpacking(out.getvalue())


@pytest.mark.parametrize("name", ["n" * 300, "/".join(["deep"] * 2000)], ids=["long", "deep"])
def test_a_name_that_no_machine_takes_is_the_bundles_fault(unpacking: Unpacking, name: str) -> None:
    with pytest.raises(BundleRefused, match="cannot be: File name too long"):
        unpacking(packed(entry(name)))


def test_a_bomb_in_the_headers_is_refused_before_it_is_in_memory(unpacking: Unpacking) -> None:
    info, _ = entry("main.py")
    info.pax_headers = {"comment": "x" * 50_000_000}
    with pytest.raises(BundleRefused, match="headers of more than"):
        unpacking(packed((info, b"")))


def test_a_bomb_behind_the_end_of_the_archive_is_refused(unpacking: Unpacking) -> None:
    whole = gzip.decompress(packed(entry("main.py")))
    with pytest.raises(BundleRefused, match="decompresses to more than"):
        unpacking(gzip.compress(whole + bytes(10_000_000)))


def test_a_wrong_checksum_is_refused(unpacking: Unpacking) -> None:
    archive = bytearray(packed(entry("main.py", b"x = 1")))
    archive[-8] ^= 1
    with pytest.raises(BundleRefused, match="CRC"):
        unpacking(bytes(archive))


NAMES = st.text("ab./\0\n\\ü", max_size=8) | st.sampled_from(["..", "/etc/x", "a/../../b", "./a", "a/", ""])
KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]
)
ENTRIES = st.builds(
    lambda name, data, kind, link, mode: entry(name, data, type=kind, linkname=link, mode=mode),
    NAMES,
    st.binary(max_size=40),
    KINDS,
    NAMES,
    st.integers(0, 0o7777),
)


@settings(max_examples=150)
@given(
    st.lists(ENTRIES, max_size=6), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=3)
)
def test_whatever_an_archive_holds_nothing_comes_out_but_files_and_folders_below_the_root(
    members: Members, damage: list[tuple[int, int]]
) -> None:
    archive = bytearray(packed(*members))
    for place, value in damage:
        archive[place % len(archive)] = value
    with tempfile.TemporaryDirectory() as folder:
        unpacking = Unpacking(Path(folder))
        try:
            unpacking(bytes(archive))
        except BundleRefused:
            pass
        assert sorted(path.name for path in Path(folder).iterdir()) == ["bundle.tar.gz", "root"]
        for path in unpacking.root.rglob("*"):
            mode = path.lstat().st_mode
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode)
            assert not mode & 0o7022


@pytest.mark.parametrize("name", broken())
def test_a_damaged_archive_is_refused(unpacking: Unpacking, name: str) -> None:
    with pytest.raises(BundleRefused):
        unpacking(broken()[name])


def test_a_machine_that_cannot_take_it_is_not_the_bundles_fault(unpacking: Unpacking) -> None:
    archive = packed(entry("main.py", b"x" * 100_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    (unpacking.folder / "bundle.tar.gz").write_bytes(archive)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            unpack(unpacking.folder / "bundle.tar.gz", unpacking.root, unpacking.settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Downloads:
    """An artifact store that counts."""

    def __init__(self) -> None:
        self.count = 0

    async def get_to_file(self, uri: str, sha256: str, size_bytes: int, path: Path) -> None:
        self.count += 1
        path.write_bytes(b"the archive")


async def test_a_bundle_is_fetched_once_a_machine(tmp_path: Path) -> None:
    downloads, settings = Downloads(), AgentSettings(home=tmp_path)
    bundle = BundleReference(uri="flyte://artifacts/p/d/x", sha256="a" * 64, md5="b" * 32, size_bytes=11)
    paths = [await fetch(bundle, downloads, settings) for _ in range(3)]
    assert downloads.count == 1
    assert {path.read_bytes() for path in paths} == {b"the archive"}
    assert paths[0].is_relative_to(settings.bundles)
