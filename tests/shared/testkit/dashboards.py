"""What the dashboard and the alerts ask of Prometheus, and which names stand in a query."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import yaml

DEPLOY = Path(__file__).parents[3] / "deploy"
WORDS = set("sum max min avg by on unless and or absent rate increase histogram_quantile".split())  # noqa: SIM905
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def dashboard() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboard", DEPLOY / "dashboard.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def queries() -> Iterator[str]:
    """Everything that is asked of Prometheus."""
    for panel in dashboard().dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for group in yaml.safe_load((DEPLOY / "grafana" / "alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def names(query: str) -> set[str]:
    """The metrics in a query: what is neither a function nor a label nor in quotes."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on) ?\([^)]*\)", " ", bare)
    return set(NAME.findall(bare)) - WORDS


def labels_in(query: str) -> set[str]:
    """The labels that it groups by or selects by."""
    bare = re.sub(r'"[^"]*"', "", query)
    groups = re.findall(r"\b(?:by|on) ?\(([^)]*)\)", bare) + re.findall(r"\{([^}]*)\}", bare)
    return set(NAME.findall(" ".join(groups)))
