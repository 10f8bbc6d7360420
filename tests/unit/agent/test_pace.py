"""So much at once, and then so much a second."""

from flyte_agent.pace import Pace


def test_a_burst_waits_for_nothing_and_what_is_over_it_for_its_time() -> None:
    pace = Pace(bytes_per_s=100.0, burst_bytes=1000.0, now=50.0)
    assert pace.spend(600, 50.0) == 0.0
    assert pace.spend(400, 50.0) == 0.0
    assert pace.spend(50, 50.0) == 0.5
    assert pace.spend(50, 50.5) == 0.5


def test_in_the_long_run_as_much_goes_as_the_rate_says() -> None:
    pace, now, went = Pace(bytes_per_s=100.0, burst_bytes=1000.0, now=0.0), 0.0, 0
    while now < 1000.0:
        went += 70
        now += pace.spend(70, now)
    assert 100_000 <= went <= 101_100


def test_silence_gives_the_burst_back_and_no_more() -> None:
    pace = Pace(bytes_per_s=100.0, burst_bytes=1000.0, now=0.0)
    assert pace.spend(1000, 0.0) == 0.0
    assert pace.spend(300, 3.0) == 0.0
    assert pace.spend(1000, 10_000.0) == 0.0
    assert pace.spend(1, 10_000.0) == 0.01
