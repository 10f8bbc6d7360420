"""Whatever is done to the events of a sealed run is found, and what is honest is never reported."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flyte_schemas.sealed
from flyte_bus.identity.keys import is_signed
from flyte_schemas.sealed import PROBLEMS, Finding, SealedRun
from flyte_schemas.seals import RunSealed, mark_of
from flyte_schemas.subjects import RunKey, action_subject
from testkit.seals import KEY, OTHER, RUN, Told, sealed, signed


def examined(
    told: Iterable[Told], seals: Iterable[RunSealed | None], *, is_over: bool = True
) -> list[Finding]:
    run = SealedRun(RUN, frozenset({KEY.public}), is_signed)
    for number, seal in enumerate(seals, 1):
        run.take_seal(seal, number)
    for sequence, action, raw in told:
        run.take(sequence, action_subject(RUN.action(action)), action, raw)
    run.finish(is_over=is_over)
    return run.findings


def found(
    told: Iterable[Told], seals: Iterable[RunSealed | None], *, is_over: bool = True
) -> list[tuple[str, int | None, str]]:
    return [(one.problem, one.sequence, one.action) for one in examined(told, seals, is_over=is_over)]


LIFE: list[Told] = [(3, "a0", b"asked"), (5, "a0", b"queued"), (6, "c1", b"asked"), (9, "a0", b"done")]


@st.composite
def sealed_runs(draw: st.DrawFn) -> tuple[list[Told], list[RunSealed]]:
    """A run whose every event is sealed, with some seals on the way."""
    size = draw(st.integers(1, 12))
    steps = draw(st.lists(st.integers(1, 5), min_size=size, max_size=size))
    told = [
        (
            sum(steps[: number + 1]),
            draw(st.sampled_from(["a0", "c1", "c2"])),
            draw(st.binary(min_size=1, max_size=8)),
        )
        for number in range(size)
    ]
    cuts = draw(st.lists(st.integers(1, size), max_size=3))
    return told, sealed(told, [*cuts, size])


@given(sealed_runs())
def test_an_honest_run_is_never_reported(made: tuple[list[Told], list[RunSealed]]) -> None:
    told, seals = made
    assert examined(told, seals) == []
    assert examined(told, [*seals, seals[-1]]) == [], "a seal that comes twice is harmless"
    for upto in range(len(seals)):
        assert examined(told, seals[:upto], is_over=False) == [], "a run that goes on has a tail"


@given(sealed_runs(), st.data())
def test_every_flipped_bit_is_found_where_it_is(
    made: tuple[list[Told], list[RunSealed]], data: st.DataObject
) -> None:
    told, seals = made
    at = data.draw(st.integers(0, len(told) - 1))
    sequence, action, raw = told[at]
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    flipped = bytearray(raw)
    flipped[bit // 8] ^= 1 << bit % 8
    forged = [*told[:at], (sequence, action, bytes(flipped)), *told[at + 1 :]]
    assert found(forged, seals) == [("changed", sequence, action)]


@given(sealed_runs(), st.data())
def test_every_event_that_is_cut_out_is_found(
    made: tuple[list[Told], list[RunSealed]], data: st.DataObject
) -> None:
    told, seals = made
    first = data.draw(st.integers(0, len(told) - 1))
    last = data.draw(st.integers(first, len(told) - 1))
    gone = told[first : last + 1]
    assert found([*told[:first], *told[last + 1 :]], seals) == [
        ("missing", sequence, action) for sequence, action, _ in gone
    ]


@given(sealed_runs(), st.data())
def test_every_event_that_is_added_is_found(
    made: tuple[list[Told], list[RunSealed]], data: st.DataObject
) -> None:
    told, seals = made
    used = {sequence for sequence, _, _ in told}
    free = [number for number in range(1, told[-1][0]) if number not in used]
    if not free:
        return
    forged = (data.draw(st.sampled_from(free)), "a0", b"forged")
    assert found(sorted([*told, forged]), seals) == [("added", forged[0], "a0")]


@given(sealed_runs(), st.data())
def test_two_events_that_change_places_are_found(
    made: tuple[list[Told], list[RunSealed]], data: st.DataObject
) -> None:
    told, seals = made
    one, other = data.draw(st.integers(0, len(told) - 1)), data.draw(st.integers(0, len(told) - 1))
    if told[one][1:] == told[other][1:]:
        return
    forged = list(told)
    forged[one] = (told[one][0], *told[other][1:])
    forged[other] = (told[other][0], *told[one][1:])
    places = {sequence for problem, sequence, _ in found(forged, seals) if problem == "changed"}
    assert places == {told[one][0], told[other][0]}


@given(sealed_runs(), st.data())
def test_a_seal_that_was_changed_does_not_count(
    made: tuple[list[Told], list[RunSealed]], data: st.DataObject
) -> None:
    told, seals = made
    at = data.draw(st.integers(0, len(seals) - 1))
    change = data.draw(
        st.sampled_from(
            [
                {"through": seals[at].through + 1},
                {"count": seals[at].count + 1},
                {"head": "0" * 64},
                {"marks": ()},
                {"key": OTHER.public},
                {"signature": ""},
                {"signature": "zz"},
            ]
        )
    )
    forged = [*seals[:at], seals[at].model_copy(update=change), *seals[at + 1 :]]
    assert ("signature", at + 1, "") in found(told, forged)


def test_what_another_key_has_signed_is_not_vouched_for() -> None:
    theirs = sealed(LIFE, [4], OTHER)
    assert found(LIFE, theirs) == [("unknown key", 1, ""), ("no seal", None, "")]


def test_a_seal_of_another_run_is_none_of_this() -> None:
    (seal,) = sealed(LIFE, [4])
    assert ("signature", 1, "") in found(LIFE, [signed(seal, KEY, RunKey("p", "d", "other"))])


def test_what_is_no_seal_is_told() -> None:
    assert found(LIFE, [None, *sealed(LIFE, [4])]) == [("seal", 1, "")]


def test_a_seal_that_is_missing_among_others_is_told() -> None:
    _, second = sealed(LIFE, [2, 4])
    assert found(LIFE, [second]) == [("seal", 1, "")]
    changed = [(3, "a0", b"forged"), *LIFE[1:]]
    assert found(changed, [second]) == [("seal", 1, ""), ("chain", 9, "")]


def test_a_run_that_is_over_has_a_seal_through_to_its_end() -> None:
    assert found(LIFE, []) == [("no seal", None, "")]
    assert found(LIFE, sealed(LIFE, [2])) == [("unsealed tail", 6, "c1")]
    assert found(LIFE, [], is_over=False) == []


def test_a_run_that_is_gone_is_missing_event_by_event() -> None:
    assert found([], sealed(LIFE, [4])) == [("missing", number, action) for number, action, _ in LIFE]


def test_marks_that_are_too_short_to_tell_leave_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: marks that see no difference. The hash of the whole still does."""
    seals = sealed(LIFE, [4])
    monkeypatch.setattr(flyte_schemas.sealed, "MARK_DIGITS", 0)
    blind = [
        one.model_copy(update={"marks": tuple(text.rpartition(" ")[0] + " " for text in one.marks)})
        for one in seals
    ]
    blind = [signed(one, KEY) for one in blind]
    assert found([(3, "a0", b"forged"), *LIFE[1:]], blind) == [("chain", 9, "")]
    assert found(LIFE, blind) == []


def test_an_examiner_that_looks_at_no_signature_would_miss_a_forger() -> None:
    """What the signature is for: who rewrites the chain makes a whole one, with marks that fit."""
    forged = [(3, "a0", b"forged"), *LIFE[1:]]
    own = [one.model_copy(update={"key": KEY.public}) for one in sealed(forged, [4], OTHER)]
    assert found(forged, own) == [("signature", 1, ""), ("no seal", None, "")]
    blind = SealedRun(RUN, frozenset({KEY.public}), lambda content, signature, key: True)
    blind.take_seal(own[0], 1)
    for sequence, action, raw in forged:
        blind.take(sequence, action_subject(RUN.action(action)), action, raw)
    blind.finish(is_over=True)
    assert blind.findings == []


@pytest.mark.parametrize("text", ["", "1", "1 a0", "x a0 ff", "0 a0 ff", "1 a0 ff more", "-1 a0 ff"])
def test_what_is_no_mark_is_none(text: str) -> None:
    assert mark_of(text) is None


def test_findings_are_sentences_with_their_place() -> None:
    (finding,) = examined([(3, "a0", b"forged"), *LIFE[1:]], sealed(LIFE, [4]))
    assert str(finding) == "changed: it is not what was sealed (p/d/r/a0, sequence 3)"
    assert str(replace(finding, sequence=None, action="")) == "changed: it is not what was sealed (p/d/r)"
    assert set(PROBLEMS) >= {finding.problem}
