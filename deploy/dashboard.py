"""Writes the Grafana dashboard, whose JSON nobody should have to read: `python deploy/dashboard.py`.

A row of panels for each question that an operator asks, in the order in which he asks them. A test holds the
file to this list, and each name in it to what the services expose.
"""

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "grafana" / "flytejet.json"
WIDTH, HEIGHT = 24, 8
RATE = "[$__rate_interval]"

Panel = tuple[str, str, dict[str, str]]
"""Title, unit, and the queries by their legends."""


def quantiles(name: str, by: str = "") -> dict[str, str]:
    """The median and the slow end of a histogram."""
    groups, legend = (f"le, {by}", f" {{{{{by}}}}}") if by else ("le", "")
    return {
        f"{percent} %{legend}": f"histogram_quantile({share}, sum by ({groups}) (rate({name}_bucket{RATE})))"
        for percent, share in ((50, 0.5), (99, 0.99))
    }


def slow_end(name: str, by: str) -> dict[str, str]:
    """The slow end of a histogram alone, by the values of a label."""
    return dict([*quantiles(name, by).items()][1:])


def rate(name: str, by: str) -> dict[str, str]:
    """How often a second, by the values of a label."""
    return {f"{{{{{by}}}}}": f"sum by ({by}) (rate({name}{RATE}))"}


ROWS: dict[str, tuple[Panel, ...]] = {
    "Is work being done?": (
        ("Live actions by phase", "short", {"{{phase}}": "sum by (phase) (flyte_executor_actions)"}),
        ("Decisions a second", "ops", rate("flyte_executor_decisions_total", "decision")),
        ("Waiting for a slot", "short", {"{{pool}}": "sum by (pool) (flyte_executor_queue_depth)"}),
    ),
    "Is it quick?": (
        ("From queued to claimed", "s", quantiles("flyte_executor_dispatch_seconds")),
        ("Append to the log", "s", quantiles("flyte_bus_append_seconds", "service")),
        ("Answers, slow end", "s", slow_end("flyte_bus_question_seconds", "question")),
    ),
    "Is the executor well?": (
        (
            "Log of runs: yet to be folded",
            "short",
            {
                "behind": "max(flyte_executor_replay_lag_events)",
                "folded a second": f"sum(rate(flyte_executor_events_folded_total{RATE}))",
            },
        ),
        (
            "Slots",
            "short",
            {
                "held {{pool}}": "sum by (pool) (flyte_executor_slots_held)",
                "all {{pool}}": "sum by (pool) (flyte_executor_slots)",
            },
        ),
        (
            "Leases",
            "short",
            {
                "claimed attempts": "max(flyte_executor_attempts_watched)",
                "leases held": "max(flyte_executor_leases_held)",
                "renewals a second": f"sum(rate(flyte_executor_lease_renewals_total{RATE}))",
                "lost {{reason}}": f"sum by (reason) (rate(flyte_executor_attempts_lost_total{RATE}))",
            },
        ),
        (
            "Backend: operations that failed",
            "ops",
            {
                "{{backend}} {{operation}}": "sum by (backend, operation) "
                f'(rate(flyte_executor_backend_operations_total{{outcome="failed"}}{RATE}))'
            },
        ),
        ("Workers of pools", "short", {"{{state}}": "sum by (state) (flyte_executor_workers)"}),
        (
            "Dropped decisions a second",
            "ops",
            {"conflicts": f"sum(rate(flyte_executor_conflicts_total{RATE}))"},
        ),
    ),
    "Is the log well?": (
        ("Size of streams", "bytes", {"{{stream}}": "max by (stream) (flyte_stream_size_bytes)"}),
        ("Events a second", "ops", rate("flyte_bus_events_appended_total", "stream")),
        (
            "Trouble",
            "short",
            {
                "reconnects {{service}}": "sum by (service) (increase(flyte_bus_reconnects_total[5m]))",
                "no room {{service}}": "sum by (service) (increase(flyte_bus_stream_full_total[5m]))",
                "rejected {{service}}": "sum by (service) (increase(flyte_bus_messages_rejected_total[5m]))",
            },
        ),
    ),
    "Registry and dataproxy": (
        (
            "Read model: yet to be taken in",
            "short",
            {"{{stream}}": "max by (stream) (flyte_registry_read_model_lag_events)"},
        ),
        ("Deploy requests a second", "ops", rate("flyte_registry_deploy_requests_total", "outcome")),
        (
            "Bytes a second",
            "Bps",
            {
                "uploads": f"sum(rate(flyte_dataproxy_received_bytes_total{RATE}))",
                "downloads": f"sum(rate(flyte_dataproxy_sent_bytes_total{RATE}))",
            },
        ),
        (
            "Questions that were not answered",
            "ops",
            {
                "{{question}} {{outcome}}": "sum by (question, outcome) "
                f'(rate(flyte_bus_questions_total{{outcome!="answered"}}{RATE}))'
            },
        ),
    ),
    "Triggers, notifications and the console": (
        (
            "Triggers",
            "short",
            {
                "active": "max(flyte_scheduler_triggers)",
                "overdue": "max(flyte_scheduler_triggers_overdue)",
                "{{outcome}} a minute": f"sum by (outcome) (60 * rate(flyte_scheduler_instants_total{RATE}))",
            },
        ),
        ("Lateness of a firing", "s", quantiles("flyte_scheduler_lateness_seconds")),
        (
            "Notifications",
            "short",
            {
                "in the outbox": "max(flyte_notifier_outbox)",
                "{{outcome}} a minute": "sum by (outcome) "
                f"(60 * rate(flyte_notifier_notifications_total{RATE}))",
            },
        ),
        ("From an event to its delivery", "s", quantiles("flyte_notifier_delivery_seconds")),
        ("Console: requests a second", "ops", rate("flyte_console_requests_total", "status")),
        ("Console: answers, slow end", "s", slow_end("flyte_console_request_seconds", "route")),
        (
            "Console: who follows, and what is held",
            "short",
            {
                "{{route}}": "sum by (route) (flyte_console_streams)",
                "held {{kind}}": "sum by (kind) (flyte_console_folds)",
                "slow readers": "sum(increase(flyte_console_slow_readers_total[5m]))",
            },
        ),
    ),
    "Processes": (
        ("Memory", "bytes", {"{{instance}}": "process_resident_memory_bytes"}),
        ("Processor", "percentunit", {"{{instance}}": f"rate(process_cpu_seconds_total{RATE})"}),
    ),
}


def dashboard() -> dict[str, Any]:
    """The whole document."""
    panels: list[dict[str, Any]] = []
    down = 0
    for title, row in ROWS.items():
        panels.append(_placed({"type": "row", "title": title, "collapsed": False}, 0, down, WIDTH, 1, panels))
        down += 1
        for start in range(0, len(row), 3):
            some = row[start : start + 3]
            width = WIDTH // len(some)
            for place, panel in enumerate(some):
                panels.append(_placed(_graph(*panel), place * width, down, width, HEIGHT, panels))
            down += HEIGHT
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "title": "Flytejet",
        "uid": "flytejet",
        "schemaVersion": 39,
        "tags": ["flytejet"],
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [source]},
        "panels": panels,
    }


def _graph(title: str, unit: str, queries: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": title,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": query, "legendFormat": legend}
            for number, (legend, query) in enumerate(queries.items())
        ],
    }


def _placed(
    panel: dict[str, Any], x: int, y: int, width: int, height: int, before: list[dict[str, Any]]
) -> dict[str, Any]:
    return {**panel, "id": len(before) + 1, "gridPos": {"x": x, "y": y, "w": width, "h": height}}


def text() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=1) + "\n"


def main() -> int:
    """Write the file."""
    PAGE.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
