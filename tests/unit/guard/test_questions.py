"""What the guard passes on lies within the place that was asked for, whatever the question says."""

import itertools
import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_guard.core.questions import MAX_BATCH, MAX_BODY_BYTES, MAX_FILTERS, End, Read, Refused, judge
from flyte_schemas.reading import Scope, common_part, is_pattern, pattern_of, read_subject

REPLY = "_INBOX.somebody.1"
PLACE = Scope("robots", "development")
RUNS = "FLYTE_RUNS"

# -- the oracle: all subjects of a small world, and patterns as regular expressions --------------------------

WORDS = ("flyte", "run", "a", "b")
WORLD = [".".join(tokens) for size in range(1, 7) for tokens in itertools.product(WORDS, repeat=size)]
LETTERS = st.sampled_from((*WORDS, "*"))
PATTERNS = st.builds(
    lambda head, tokens, end: ".".join([*head, *tokens, *end]) or "a",
    st.sampled_from(((), ("flyte", "run"), ("flyte", "run", "a", "b"))),
    st.lists(LETTERS, max_size=3),
    st.sampled_from(((), (">",))),
)
NAMES = st.sampled_from(("a", "b", "*"))
SCOPES = st.builds(Scope, NAMES, NAMES, st.sampled_from((None, "a", "b")))


@cache
def meant(pattern: str) -> frozenset[str]:
    """The subjects of the world that a pattern means."""
    words = {"*": r"[^.]+", ">": r".+"}
    whole = re.compile(r"\.".join(words.get(token, re.escape(token)) for token in pattern.split(".")))
    return frozenset(subject for subject in WORLD if whole.fullmatch(subject))


@cache
def of(scope: Scope) -> frozenset[str]:
    """The subjects of the world that are a scope's."""
    found = (subject.split(".") for subject in WORLD)
    return frozenset(
        ".".join(tokens)
        for tokens in found
        if tokens[:2] == ["flyte", "run"]
        and len(tokens) > 2 + len([part for part in scope if part])
        and all(wanted in ("*", have) for wanted, have in zip(filter(None, scope), tokens[2:], strict=False))
    )


def passed(scope: Scope, document: dict[str, Any], stream: str = RUNS) -> dict[str, Any]:
    read = judge(read_subject(stream, scope), REPLY, json.dumps(document).encode())
    assert isinstance(read, Read)
    assert read.stream == stream
    found = json.loads(read.body)
    assert isinstance(found, dict)
    return found


@given(SCOPES, st.lists(PATTERNS, min_size=1, max_size=3), st.booleans())
def test_what_is_passed_on_means_nothing_outside_the_place_and_nothing_inside_is_refused(
    scope: Scope, filters: list[str], several: bool
) -> None:
    question = {"multi_last": filters} if several else {"next_by_subj": filters[0]}
    asked = filters if several else filters[:1]
    lies_within = all(meant(one) <= of(scope) for one in asked)
    try:
        found = passed(scope, {"seq": 7, **question})
    except Refused:
        # A pattern longer than the world's subjects means nothing in it; it may be refused all the same.
        assert not lies_within or any(not meant(one) for one in asked)
        return
    told = found.get("multi_last") or [found["next_by_subj"]]
    assert told == asked
    assert all(meant(one) <= of(scope) for one in told)


@given(PATTERNS, PATTERNS)
def test_the_common_part_of_two_patterns_means_what_both_mean(one: str, other: str) -> None:
    common = common_part(one, other)
    assert (meant(common) if common else frozenset()) == meant(one) & meant(other)


@given(SCOPES)
def test_without_a_filter_the_place_has_its_own(scope: Scope) -> None:
    assert meant(passed(scope, {"seq": 1, "batch": 10})["next_by_subj"]) == of(scope)
    assert (meant(pattern_of(RUNS, scope) or "")) <= of(scope)


# -- what else a question may say ---------------------------------------------------------------------------


def test_what_is_known_is_passed_on() -> None:
    whole = {
        "seq": 5,
        "batch": 100,
        "max_bytes": 1_000_000,
        "next_by_subj": "flyte.run.robots.development.r.*",
    }
    assert passed(PLACE, whole) == whole
    several = {
        "up_to_seq": 9,
        "up_to_time": "2026-01-31T12:00:00.123456789Z",
        "multi_last": ["flyte.run.robots.development.r.a0", "flyte.run.robots.development.*.a1"],
    }
    assert passed(PLACE, several) == several
    since = {"start_time": "2026-01-31T12:00:00+01:00", "batch": 1}
    assert passed(PLACE, since) == since | {"next_by_subj": "flyte.run.robots.development.>"}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"\xff",
        b'{"seq": 0}',
        b'{"seq": -1}',
        b'{"seq": 1.0}',
        b'{"seq": true}',
        b'{"seq": "1"}',
        b'{"seq": 9223372036854775808}',
        b'{"seq": 1, "start_time": "2026-01-31T12:00:00Z"}',
        b'{"start_time": "yesterday"}',
        b'{"start_time": 5}',
        f'{{"batch": {MAX_BATCH + 1}}}'.encode(),
        b'{"last_by_subj": "flyte.run.robots.development.r.a0"}',
        b'{"no_hdr": true}',
        b'{"Next_By_Subj": "flyte.run.other.production.>"}',
        b'{"NEXT_BY_SUBJ": "flyte.run.robots.development.>"}',
        b'{"next_by_subj": "flyte.run.other.production.>"}',
        b'{"next_by_subj": "flyte.run.robots.*.r.a0"}',
        b'{"next_by_subj": "flyte.run.robots.development"}',
        b'{"next_by_subj": "flyte.run.>"}',
        b'{"next_by_subj": ">"}',
        b'{"next_by_subj": ""}',
        b'{"next_by_subj": null}',
        b'{"next_by_subj": ["flyte.run.robots.development.>"]}',
        b'{"next_by_subj": "flyte.run.robots.development.>.a0"}',
        b'{"next_by_subj": "flyte.run.robots.development.a b"}',
        b'{"next_by_subj": "flyte.run.robots.development.r."}',
        b'{"multi_last": []}',
        b'{"multi_last": "flyte.run.robots.development.>"}',
        b'{"multi_last": ["flyte.run.robots.development.>", "flyte.run.other.production.>"]}',
        b'{"multi_last": ["flyte.run.robots.development.r.a"], "next_by_subj": '
        b'"flyte.run.robots.development.r.a"}',
        json.dumps({"multi_last": ["flyte.run.robots.development.r.a0"] * (MAX_FILTERS + 1)}).encode(),
        b" " * (MAX_BODY_BYTES + 1),
    ],
)
def test_what_is_not_known_or_asks_for_more_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        judge(read_subject(RUNS, PLACE), REPLY, body)


def test_of_two_keys_with_one_name_the_one_that_was_judged_is_passed_on() -> None:
    body = (
        b'{"next_by_subj": "flyte.run.other.production.>", "next_by_subj": "flyte.run.robots.development.>"}'
    )
    found = judge(read_subject(RUNS, PLACE), REPLY, body)
    assert found == Read(RUNS, b'{"next_by_subj":"flyte.run.robots.development.>"}')


@pytest.mark.parametrize(
    "subject",
    [
        "flyte.read.FLYTE_RUNS",
        "flyte.read.FLYTE_RUNS.robots",
        "flyte.read.FLYTE_RUNS.robots.>",
        "flyte.read.FLYTE_RUNS.robots.development.*",
        "flyte.read.FLYTE_RUNS.robots.development.r.a0",
        "flyte.read.FLYTE_RUNS..development",
        "flyte.read.FLYTE_TASKS.robots.development.r",
        "flyte.read.FLYTE_REJECTED.robots.development",
        "flyte.read.FLYTE_TIMERS.robots.development",
        "flyte.read.KV_flyte_settings.robots.development",
        "flyte.read.OTHER.robots.development",
        "flyte.read.last.OTHER",
        "flyte.read.last.KV_flyte_cache",
        "flyte.read.last",
    ],
)
def test_a_subject_that_names_no_part_of_the_log_is_refused(subject: str) -> None:
    with pytest.raises(Refused):
        judge(subject, REPLY, b"{}")


@pytest.mark.parametrize(
    "reply", ["flyte.live.run.a.b.c.d", "flyte.run.a.b.c.d", "_INBOXES.x", "$JS.ACK.x", ""]
)
def test_an_answer_goes_to_an_inbox_only(reply: str) -> None:
    for subject in (read_subject(RUNS, PLACE), "flyte.read.last.FLYTE_RUNS"):
        with pytest.raises(Refused):
            judge(subject, reply, b"{}")


def test_the_end_of_a_stream_is_told_to_anybody() -> None:
    for body in (b"", b"{}"):
        assert judge("flyte.read.last.FLYTE_RUNS", REPLY, body) == End("FLYTE_RUNS")
    with pytest.raises(Refused):
        judge("flyte.read.last.FLYTE_RUNS", REPLY, b'{"subjects_filter": ">"}')


@given(st.text(max_size=20))
def test_a_pattern_has_no_more_than_names_and_wildcards(text: str) -> None:
    if is_pattern(text):
        assert all(token and not re.search(r"\s", token) for token in text.split("."))
