"""A reader's place in a stream, when entries come a little out of order."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from flyte_registry.core import position as module
from flyte_registry.core.position import Position


def test_in_order_the_place_is_the_last_entry() -> None:
    position = Position()
    assert [position.admit(sequence, f"m{sequence}") for sequence in (1, 2, 3)] == [True] * 3
    assert (position.as_of, position.mark, position.ahead) == (3, "m3", {})


def test_an_entry_that_was_seen_is_not_admitted_again() -> None:
    position = Position(3, "m3", {5: "m5"})
    assert not position.admit(3, "m3")
    assert not position.admit(5, "m5")


def test_the_place_stays_before_a_hole_until_it_is_filled() -> None:
    position = Position(3, "m3")
    position.admit(5, "m5")
    assert (position.as_of, position.ahead) == (3, {5: "m5"})
    position.admit(4, "m4")
    assert (position.as_of, position.mark, position.ahead) == (5, "m5", {})


def test_a_hole_in_what_was_there_when_reading_began_is_passed() -> None:
    position = Position()
    position.settled = 10
    position.admit(7, "m7")
    assert position.as_of == 7


def test_a_hole_that_is_never_filled_is_passed_in_the_end() -> None:
    position = Position()
    for sequence in range(2, module.MAX_AHEAD + 3):
        position.admit(sequence, "")
    assert position.as_of == module.MAX_AHEAD + 2
    assert not position.ahead


@given(st.permutations(range(1, 12)), st.integers(0, 11))
def test_in_any_order_and_over_any_restart_each_entry_is_admitted_once(
    order: Sequence[int], restart: int
) -> None:
    position = Position()
    admitted = [sequence for sequence in order[:restart] if position.admit(sequence, "")]
    again = Position(position.as_of, position.mark, position.ahead)
    admitted += [sequence for sequence in sorted(order) if again.admit(sequence, "")]
    assert sorted(admitted) == sorted(order)
    assert again.as_of == len(order)
