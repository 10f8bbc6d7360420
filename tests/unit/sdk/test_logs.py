"""Output in order, whole lines, each byte once."""

import io
import random

from hypothesis import given
from hypothesis import strategies as st

from flyte._client.logs import LogOrder, LogPrinter
from flyte_schemas.events import LogSegment, LogWritten


def chunks(texts: list[str], attempt: int = 1) -> list[LogWritten]:
    """Consecutive chunks of one attempt's standard output."""
    made, offset = [], 0
    for text in texts:
        size = len(text.encode())
        segment = LogSegment(stream="stdout", text=text)
        made.append(LogWritten(attempt=attempt, offset=offset, size_bytes=size, segments=(segment,)))
        offset += size
    return made


@given(st.lists(st.text(min_size=1), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_chunks_in_any_order_with_repeats_come_out_in_order_once(
    texts: list[str], chance: random.Random
) -> None:
    arriving = chunks(texts) * 2
    chance.shuffle(arriving)
    order = LogOrder()
    shown = [chunk for arrived in arriving for chunk in order.put("a0", arrived)]
    assert shown == chunks(texts)
    end = sum(len(text.encode()) for text in texts)
    assert order.is_complete({("a0", 1): end})
    assert order.missing({("a0", 1): end + 5, ("a0", 2): 3}) == 8


def test_attempts_and_actions_do_not_wait_for_each_other() -> None:
    order = LogOrder()
    late = chunks(["one", "two"])
    assert list(order.put("a0", late[1])) == []
    for action, attempt in (("a0", 2), ("a1", 1)):
        (chunk,) = chunks(["x"], attempt)
        assert list(order.put(action, chunk)) == [chunk]
    assert list(order.put("a0", late[0])) == late


def test_what_stands_behind_a_gap_is_shown_at_the_end() -> None:
    order = LogOrder()
    chunk = chunks(["lost", "kept"])[1]
    assert list(order.put("a0", chunk)) == []
    assert list(order.flush()) == [("a0", chunk)]
    assert list(order.flush()) == []


def printed(writes: list[tuple[str, LogWritten]]) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    printer = LogPrinter(out, err, {"a1": "env.child"}.get)
    for action, chunk in writes:
        printer.write(action, chunk)
    printer.finish()
    return out.getvalue(), err.getvalue()


def test_lines_of_parallel_actions_stay_whole() -> None:
    root, child, other = chunks(["ro", "ot\nend"]), chunks(["ch", "ild\n\n"]), chunks(["x\n"])
    writes = [("a0", root[0]), ("a1", child[0]), ("a0", root[1]), ("a1", child[1]), ("a2", other[0])]
    out, err = printed(writes)
    assert out == "root\n[env.child a1] child\n[env.child a1] \n[a2] x\nend\n"
    assert err == ""


def test_the_two_streams_stay_apart_in_one_chunk() -> None:
    chunk = LogWritten(
        attempt=1,
        offset=0,
        size_bytes=8,
        segments=(LogSegment(stream="stdout", text="out\n"), LogSegment(stream="stderr", text="err\n")),
    )
    assert printed([("a0", chunk)]) == ("out\n", "err\n")
