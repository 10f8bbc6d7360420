"""Whose request is next, and who has to wait or is not let in."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_bus.turns import BURST_S, LEAST_WAITING, Ticket, Turns, most_waiting
from flyte_schemas.limits import Place

A, B, C = (Place(project, "d") for project in "abc")


def ticket(place: Place, item: str, name: str = "", *, free: bool = False) -> Ticket[str]:
    return Ticket(place, name or item, item, free)


def unlimited(place: Place) -> float | None:
    return None


def only_b(per_s: float) -> Turns[str]:
    return Turns(lambda place: per_s if place == B else None)


def drained(turns: Turns[str], now: float = 0.0) -> list[str]:
    found = []
    while (item := turns.next(now)) is not None:
        found.append(item)
    return found


def test_projects_take_turns_however_much_one_asks() -> None:
    turns: Turns[str] = Turns(unlimited)
    for number in range(5):
        turns.put(ticket(B, f"b{number}"))
    turns.put(ticket(A, "a0"))
    turns.put(ticket(C, "c0"))
    assert drained(turns) == ["b0", "a0", "c0", "b1", "b2", "b3", "b4"]
    assert len(turns) == 0


def test_what_comes_above_the_rate_waits_and_goes_on_at_that_rate() -> None:
    turns = only_b(2.0)
    for number in range(8):
        assert turns.put(ticket(B, f"b{number}"))
    assert len(drained(turns)) == 2 * BURST_S
    assert turns.due_in(0.0) == 0.5
    assert drained(turns, 0.4) == []
    assert drained(turns, 0.5) == ["b4"]
    assert drained(turns, 1.5) == ["b5", "b6"]


def test_a_project_at_its_limit_does_not_hold_up_another() -> None:
    turns = only_b(0.5)
    for number in range(3):
        turns.put(ticket(B, f"b{number}"))
    assert drained(turns) == ["b0"]
    turns.put(ticket(A, "a0"))
    assert turns.due_in(0.0) == 0.0
    assert drained(turns) == ["a0"]


def test_more_than_may_wait_are_not_let_in_and_others_are() -> None:
    turns = only_b(0.1)
    assert most_waiting(0.1) == LEAST_WAITING
    let_in = [turns.put(ticket(B, f"b{number}")) for number in range(LEAST_WAITING + 2)]
    assert let_in == [True] * LEAST_WAITING + [False] * 2
    assert turns.put(ticket(A, "a0"))
    assert turns.put(ticket(B, "abort", name="running", free=True))
    assert sorted(drained(turns)) == ["a0", "abort", "b0"]


def test_an_abort_goes_before_what_waits_unless_its_run_waits_too() -> None:
    turns = only_b(0.1)
    for name in ("r1", "r2"):
        turns.put(ticket(B, f"run {name}", name))
    turns.put(ticket(B, "abort r0", "r0", free=True))
    turns.put(ticket(B, "abort r2", "r2", free=True))
    assert drained(turns) == ["abort r0", "run r1"]
    assert drained(turns, 10.0) == ["run r2", "abort r2"]


def test_a_limit_that_is_lifted_lets_all_go_on() -> None:
    rate = [0.1]
    turns: Turns[str] = Turns(lambda place: rate[0])
    for number in range(5):
        turns.put(ticket(A, f"a{number}"))
    assert drained(turns) == ["a0"]
    rate[0] = 0.0
    assert turns.due_in(0.0) == 0.0
    assert drained(turns) == ["a1", "a2", "a3", "a4"]


@given(
    st.lists(st.tuples(st.sampled_from((A, B)), st.floats(0.0, 0.5)), max_size=80),
    st.sampled_from((0.3, 1.0, 7.0)),
)
@settings(max_examples=80, deadline=None)
def test_no_more_than_the_rate_goes_on_in_any_time_and_nobody_is_forgotten(
    asked: list[tuple[Place, float]], per_s: float
) -> None:
    """Within t seconds B gets at most its burst and t times its rate; all that were let in come, in order."""
    turns, now, times = only_b(per_s), 0.0, list[float]()
    let_in: dict[Place, list[str]] = {A: [], B: []}
    came: dict[Place, list[str]] = {A: [], B: []}

    def take() -> None:
        while (item := turns.next(now)) is not None:
            place = A if item.startswith("a") else B
            came[place].append(item)
            if place == B:
                times.append(now)

    for number, (place, pause_s) in enumerate(asked):
        now += pause_s
        item = f"{place.project}{number}"
        if turns.put(ticket(place, item)):
            let_in[place].append(item)
        take()
    while len(turns):
        now += max(turns.due_in(now) or 0.0, 1e-9)
        take()
    assert came == let_in
    for first in range(len(times)):
        for last in range(first, len(times)):
            allowed = max(1.0, per_s * BURST_S) + per_s * (times[last] - times[first])
            assert last - first + 1 <= allowed + 1e-6
