"""A task's HTML report: written in tabs, stored when flushed and at the end, found again by the run."""

import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import flyte
import flyte.report
from flyte.report import Report, Tab, Timeline


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="reporting")


def test_the_page_shows_a_tab_at_a_time_and_needs_nothing_from_elsewhere() -> None:
    report = Report("a & b")
    assert not report.has_content()
    report.get_tab("Charts").log("<svg></svg>")
    report.get_tab("main").log("<p>one</p>")
    report.get_tab("main").log("<p>two</p>")
    report.get_tab("<empty>")
    page = report.get_final_report()
    assert page.index("<p>one</p>\n<p>two</p>") < page.index("<svg></svg>")
    assert '<label for="tab0">main</label><label for="tab1">Charts</label>' in page
    assert "a &amp; b" in page and "empty" not in page
    assert "http" not in page and "<script" not in page
    report.get_tab("main").replace("<p>new</p>")
    assert "<p>one</p>" not in report.get_final_report()
    assert "<nav>" not in Report("x", {"main": Tab("main", ["y"])}).get_final_report()
    with pytest.raises(ValueError, match="no tab 'Other', only Charts, main, <empty>"):
        report.get_tab("Other", create_if_missing=False)
    with pytest.raises(TypeError, match="HTML text, not int"):
        report.get_tab("main").log(3)  # type: ignore[arg-type]


def test_what_was_written_is_stored_at_the_end_and_told(
    env: flyte.TaskEnvironment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    @env.task(report=True)
    async def work() -> str:
        await flyte.report.log.aio("<p>first</p>")
        flyte.report.get_tab("More").log("<p>more</p>")
        return "done"

    run = flyte.with_runcontext(name="r1", raw_data_path=str(tmp_path)).run(work)
    page = run.get_report()
    assert "<p>first</p>" in page and "<p>more</p>" in page
    path = tmp_path / "r1" / "a0" / "report.html"
    assert path.read_text() == page
    assert f"the report of a0 is in {path}" in capsys.readouterr().err


def test_a_flush_stores_the_page_as_it_is_now(env: flyte.TaskEnvironment, tmp_path: Path) -> None:
    file = tmp_path / "r1" / "a0" / "report.html"

    @env.task(report=True)
    def work() -> list[bool]:
        flyte.report.log("<p>first</p>")
        before = file.exists()
        flyte.report.log("<p>second</p>", do_flush=True)
        after = "second" in file.read_text()
        flyte.report.replace("<p>third</p>")
        flyte.report.flush()
        return [before, after, "second" in file.read_text()]

    run = flyte.with_runcontext(name="r1", raw_data_path=str(tmp_path)).run(work)
    assert run.outputs()[0] == [False, True, False]


def test_a_task_that_fails_leaves_its_report(env: flyte.TaskEnvironment, tmp_path: Path) -> None:
    @env.task(report=True)
    def work() -> None:
        flyte.report.log("<p>so far</p>")
        raise ValueError("no further")

    with pytest.raises(flyte.errors.RuntimeUserError, match="no further"):
        flyte.with_runcontext(name="r1", raw_data_path=str(tmp_path)).run(work)
    assert "so far" in (tmp_path / "r1" / "a0" / "report.html").read_text()


def test_without_report_true_nothing_is_kept_and_a_flush_says_so(env: flyte.TaskEnvironment) -> None:
    @env.task
    def silent() -> None:
        flyte.report.log("<p>x</p>")

    @env.task
    def told() -> None:
        with pytest.warns(UserWarning, match="not declared with report=True"):
            flyte.report.log("<p>x</p>", do_flush=True)

    for task in (silent, told):
        with pytest.raises(flyte.errors.RuntimeUserError, match="has no report") as caught:
            flyte.run(task).get_report()
        assert caught.value.code == "ReportNotFound"


def test_outside_of_a_task_a_report_is_seen_by_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flyte.report.log("<p>x</p>", do_flush=True)
    assert not flyte.report.current_report().has_content()


def test_a_timeline_escapes_what_it_shows(env: flyte.TaskEnvironment) -> None:
    @env.task(report=True)
    def work() -> str:
        timeline = Timeline("Steps")
        timeline.heading("<steps>")
        timeline.row(icon="x", label="load", meta="1 s", detail="a < b")
        timeline.row(label="save", error="<boom>")
        return flyte.report.get_tab("Steps", create_if_missing=False).get_html()

    shown = flyte.run(work).outputs()[0]
    assert "<h3>&lt;steps&gt;</h3>" in shown
    assert "<summary>x <b>load</b>" in shown and "a &lt; b" in shown
    assert "&lt;boom&gt;" in shown


def test_texts_are_abbreviated_and_times_subtracted() -> None:
    assert flyte.report.abbreviate("x" * 10, 5) == "xxxx…"
    assert flyte.report.abbreviate({"a": 1}) == "{'a': 1}"
    assert flyte.report.duration_ms("2024-01-01T00:00:00", "2024-01-01T00:00:01.500") == 1500.0


def test_figures_and_tables_are_shown_and_the_page_needs_nothing_from_elsewhere() -> None:
    class Figure:
        """What matplotlib's does, as far as a report asks."""

        def savefig(self, target: Any, **options: Any) -> None:
            assert options == {"format": "png", "bbox_inches": "tight"}
            target.write(b"picture")

    report = Report("r")
    report.get_tab("main").log(pd.DataFrame({"a": [1]}))
    report.get_tab("main").log(Figure())
    page = report.get_final_report()
    assert "<th>a</th>" in page and "data:image/png;base64,cGljdHVyZQ==" in page
    report.get_tab("main").replace(Figure())
    assert "<th>a</th>" not in report.get_final_report()
