"""The file of a run: what was written is read, and nothing else is ever taken for it."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyte._archive.checking import Contents, NotImported, check
from flyte._archive.reading import reading
from flyte._archive.records import EVENTS, LOGS, OBJECTS, SEAL, TASKS, Damaged
from flyte._archive.renaming import renamed
from flyte_schemas.chain import Chain, link
from flyte_schemas.envelope import decode, encode
from flyte_schemas.events import ActionCacheHit
from flyte_schemas.subjects import RunKey, action_subject
from testkit.archives import CONTENT, KEY, STORY, rewrite, write_archive
from testkit.events import event

Lines = list[bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "run.zip"
    write_archive(path)
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.zip"
    path.write_bytes(whole.read_bytes())
    return path


def checked(path: Path) -> Contents:
    with reading(path) as reader:
        return check(reader)


def test_what_was_written_is_read(whole: Path, tmp_path: Path) -> None:
    with reading(whole) as reader:
        found = check(reader)
        assert found.manifest.key == KEY
        assert (found.seal.events, found.seal.tasks, found.seal.logs, found.seal.objects) == (4, 1, 1, 1)
        messages = list(reader.messages(EVENTS))
        assert [decode(one.raw).data for one in messages[:3]] == list(STORY)
        assert messages[3].raw == b"\xff not an event"
        assert [one.sequence for one in messages] == [10, 20, 30, 40]
        assert "Grüße" in next(reader.messages(LOGS)).raw.decode()
        (stored,) = reader.objects()
        reader.extract(stored, tmp_path / "content")
        assert (tmp_path / "content").read_bytes() == CONTENT
        assert len(reader.digest) == 64


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def breaks() -> "list[object]":
        raise OSError("the disk is full")

    class Breaking:
        def __iter__(self) -> "object":
            return iter(breaks())

    with pytest.raises(OSError, match="the disk is full"):
        write_archive(tmp_path / "run.zip", Breaking())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bit_that_flips_is_found(whole: Path, tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(whole.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(raw)
    with pytest.raises(Damaged):
        checked(broken)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_cut_and_anything_added_is_found(whole: Path, tmp_path: Path, data: st.DataObject) -> None:
    raw = whole.read_bytes()
    cut = data.draw(st.integers(0, len(raw) - 1))
    more = data.draw(st.binary(max_size=20))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(raw[:cut] + more if raw[:cut] + more != raw else raw[:cut])
    with pytest.raises(Damaged):
        checked(broken)
    broken.write_bytes(raw + (more or b"\0"))
    with pytest.raises(Damaged):
        checked(broken)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_records_in_any_other_order_are_found(whole: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Also where the zip around them is whole: the chain alone finds it."""
    mixed = tmp_path / "mixed.zip"
    mixed.write_bytes(whole.read_bytes())

    def mix(lines: Lines) -> Lines:
        kept = data.draw(st.lists(st.sampled_from(lines), max_size=6))
        return kept if kept != lines else lines[::-1]

    rewrite(mixed, EVENTS, mix)
    with pytest.raises(Damaged, match=r"events|tasks"):
        checked(mixed)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        (
            EVENTS,
            lambda lines: [*lines[:1], lines[1].replace(b"process", b"someone"), *lines[2:]],
            r"record 2 in events.jsonl was changed \(flyte.run.p.d.r1.a0, sequence 20\)",
        ),
        (
            EVENTS,
            lambda lines: [lines[0], lines[2], lines[3]],
            "record 2 in events.jsonl is number 3: what was number 2 is missing",
        ),
        (
            EVENTS,
            lambda lines: [lines[0], lines[3]],
            "record 2 in events.jsonl is number 4: what was number 2 to 3 is missing",
        ),
        (
            EVENTS,
            lambda lines: [lines[0], lines[2], lines[1], lines[3]],
            "record 2 in events.jsonl stands after record 3: the order was changed",
        ),
        (EVENTS, lambda lines: [*lines[:2], lines[1], *lines[2:]], "record 2 stands again after record 2"),
        (
            EVENTS,
            lambda lines: lines[:-1],
            "record 4 in tasks.jsonl is number 5: what was number 4 is missing",
        ),
        (
            EVENTS,
            lambda lines: [*lines[:2], b"{}\n", *lines[3:]],
            "record 3 in events.jsonl was changed: it is no record",
        ),
        (TASKS, lambda lines: [], "record 5 in logs.jsonl is number 6"),
        (SEAL, lambda lines: [], "seal.jsonl has 0 records instead of one"),
        (OBJECTS, lambda lines: [], "record 7 in seal.jsonl is number 8"),
    ],
)
def test_it_is_said_where_it_is_broken(
    copy: Path, part: str, change: Callable[[Lines], Lines], said: str
) -> None:
    rewrite(copy, part, change)
    with pytest.raises(Damaged, match=said):
        checked(copy)


def test_an_object_that_is_another_is_found(copy: Path) -> None:
    with zipfile.ZipFile(copy) as archive:
        (name,) = [one for one in archive.namelist() if one.startswith("objects/")]
    rewrite(copy, name, lambda lines: [b"something else"])
    with pytest.raises(Damaged, match=r"the object flyte://artifacts/p/d/\w+ \(record 7\) was changed"):
        checked(copy)


def test_what_no_record_names_is_found(copy: Path) -> None:
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr("objects/p/d/more", b"smuggled")
    with pytest.raises(Damaged, match="it has 'objects/p/d/more', which no record names"):
        checked(copy)


def test_a_whole_chain_in_another_zip_is_found(copy: Path) -> None:
    rewrite(copy, EVENTS, lambda lines: lines)
    with pytest.raises(Damaged, match="its records are whole, but the zip around them was changed"):
        checked(copy)


def test_something_else_is_no_exported_run(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    with pytest.raises(Damaged, match="x is cut short, or it is no exported run"):
        checked(tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "y", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(Damaged, match=r"y is damaged: it has no manifest.jsonl"):
        checked(tmp_path / "y")


def test_a_run_that_had_not_ended_is_not_imported(tmp_path: Path) -> None:
    write_archive(tmp_path / "run.zip", STORY[:2])
    with pytest.raises(NotImported, match=r"run r1 had not ended when it was exported \(1 action alive\)"):
        checked(tmp_path / "run.zip")


@given(records=st.lists(st.binary(max_size=50), max_size=8), data=st.data())
def test_a_chain_has_another_end_for_any_other_records(records: list[bytes], data: st.DataObject) -> None:
    chain = Chain()
    for record in records:
        before = chain.head
        assert chain.add(record) == link(before, record)
    others = data.draw(st.lists(st.one_of(st.binary(max_size=50), *map(st.just, records)), max_size=8))
    other = Chain()
    for record in others:
        other.add(record)
    assert (other.head == chain.head) is (others == records)


def test_an_event_under_another_name_is_that_runs_and_says_the_same() -> None:
    new, subject = RunKey("q", "e", "again"), action_subject(KEY.action("a0"))
    hit = ActionCacheHit(source=f"{KEY}/b", outputs={})
    old = encode(event(subject, hit, id=f"{KEY}/a0.1", cause="run.1"))
    found = decode(renamed(old, subject, KEY, new))
    assert (found.subject, found.id, found.cause) == (
        action_subject(new.action("a0")),
        f"{new}/a0.1",
        "run.1",
    )
    assert found.data == ActionCacheHit(source=f"{new}/b", outputs={})
    elsewhere = encode(event(subject, ActionCacheHit(source="p/d/r2/b")))
    assert decode(renamed(elsewhere, subject, KEY, new)).data == ActionCacheHit(source="p/d/r2/b")
    assert renamed(old, subject, KEY, KEY) is old
    assert renamed(b"\xff", subject, KEY, new) == b"\xff"
