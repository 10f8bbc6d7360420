"""Children that wait for their turn to be asked for."""

from flyte._runtime.turns import Turns


def test_as_many_ask_as_may_and_each_that_is_over_lets_the_next() -> None:
    turns = Turns(most=2)
    assert [turns.may_ask(call, b"%d" % call) for call in range(1, 6)] == [True, True, False, False, False]
    assert turns.over(2) == (True, b"3")
    assert turns.over(1) == (True, b"4")
    assert turns.over(3) == (True, b"5")
    assert turns.over(4) == turns.over(5) == (True, None)
    assert turns.may_ask(6, b"6")


def test_who_gives_up_before_it_has_asked_leaves_no_trace() -> None:
    turns = Turns(most=1)
    assert turns.may_ask(1, b"1")
    assert not turns.may_ask(2, b"2")
    assert not turns.may_ask(3, b"3")
    assert turns.over(2) == (False, None)
    assert turns.over(1) == (True, b"3")


def test_a_call_that_asks_for_no_child_has_no_turn() -> None:
    turns = Turns(most=1)
    assert turns.may_ask(1, b"1")
    assert not turns.may_ask(2, b"2")
    assert turns.over(99) == (True, None)
