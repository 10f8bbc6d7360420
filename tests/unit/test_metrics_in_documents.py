"""What is written of the numbers: the handbook's table, the dashboard, the alerts, held to the code."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.dashboards import DEPLOY, dashboard, labels_in, names, queries
from testkit.families import Family, families
from testkit.golden import is_golden, replace_block

ROOT = Path(__file__).parents[2]
HANDBOOK = ROOT / "docs" / "operations.md"

OF_THE_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "up"}
"""Those of prometheus_client, and of Prometheus."""
ITS_LABELS = {"instance", "job", "le"}


@pytest.fixture
async def shown(tmp_path: Path) -> dict[str, dict[str, Family]]:
    return await families(tmp_path)


def test_the_handbook_lists_every_number(shown: dict[str, dict[str, Family]]) -> None:
    lines = ["| name | kind | labels | meaning |", "|---|---|---|---|"]
    for part, members in shown.items():
        lines.append(f"| *{part}* | | | |")
        for one in sorted(members.values(), key=lambda one: one.name):
            labels = ", ".join(f"`{label}`" for label in one.labels)
            lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.about} |")
    wanted = replace_block(HANDBOOK.read_text(), "metrics", "\n".join(lines))
    assert is_golden(HANDBOOK, wanted), "the table is out of date: FLYTE_GOLDEN=write writes it again"


def test_names_say_what_they_are(shown: dict[str, dict[str, Family]]) -> None:
    for part in shown.values():
        for one in part.values():
            assert re.fullmatch(r"flyte_[a-z_]+", one.name), one.name
            assert (one.kind == "counter") == one.name.endswith("_total"), one.name
            assert (one.kind == "histogram") == one.name.endswith("_seconds"), one.name
            assert one.about.endswith("."), one.name
            assert not {"run", "action", "attempt", "project", "domain", "task", "worker"} & set(one.labels)


def test_dashboard_and_alerts_ask_for_numbers_and_labels_that_exist(
    shown: dict[str, dict[str, Family]],
) -> None:
    known = {one.name: one for part in shown.values() for one in part.values()}
    asked = list(queries())
    assert len(asked) > 40
    for query in asked:
        used = {_family(name, known) for name in names(query)}
        assert used <= known.keys() | OF_THE_PROCESS, query
        labels = set().union(*(known[name].labels for name in used & known.keys()))
        assert labels_in(query) <= labels | ITS_LABELS, query
        assert query.count("(") == query.count(")") and query.count("{") == query.count("}"), query


def _family(name: str, known: dict[str, Any]) -> str:
    return name if name in known else re.sub("_(bucket|sum|count)$", "", name)


def test_what_reads_a_query_sees_a_wrong_name() -> None:
    query = 'sum by (le, pool) (rate(flyte_x_bucket{state="busy"}[5m])) > 1 unless on (stream) flyte_y'
    assert names(query) == {"flyte_x_bucket", "flyte_y"}
    assert labels_in(query) == {"le", "pool", "state", "stream"}


def test_the_dashboards_file_is_what_is_written() -> None:
    module = dashboard()
    assert module.PAGE.read_text() == module.text(), "run: python deploy/dashboard.py"
    panels = module.dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = {
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    }
    assert len(taken) == sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in panels)


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    (group,) = yaml.safe_load((DEPLOY / "grafana" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]:
        assert rule["alert"].startswith("Flytejet")
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
    scraped = yaml.safe_load((DEPLOY / "grafana" / "prometheus.yaml").read_text())
    assert [(DEPLOY / "grafana" / name).exists() for name in scraped["rule_files"]] == [True]
