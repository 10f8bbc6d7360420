"""Writes the Helm chart from the production overlay, so that there is one source of what runs on Kubernetes.

`python deploy/chart.py` writes `deploy/helm/flytejet`; a test tells when it was forgotten. Templates use two
forms only, `{{ .Values.a.b }}` and `{{- toYaml .Values.a.b | nindent N }}`, which a test can render. The
namespaces, and how many NATS servers there are, stand in several places and are no values.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
OVERLAY = HERE / "kubernetes" / "overlays" / "production"
CHART = HERE / "helm" / "flytejet"
VERSION = "0.1.0"
SERVICES = (
    "nats",
    "registry",
    "dataproxy",
    "executor",
    "scheduler",
    "notifier",
    "console",
    "guard",
    "provisioner",
)
_MARK = re.compile(r"^(?P<indent> *)(?P<before>.*?)'?@@(?P<kind>value|yaml) (?P<path>[\w.]+)@@'?", re.M)
_HEAD = "# Written by deploy/chart.py from deploy/kubernetes/overlays/production: change it there.\n"

Document = dict[str, Any]


def rendered_overlay() -> list[Document]:
    """The objects of the production overlay, as kubectl puts them together."""
    words = ["kubectl", "kustomize", str(OVERLAY)]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def chart(documents: list[Document]) -> dict[str, str]:
    """The chart's files by their names below its folder."""
    values: Document = {}
    templates: dict[str, list[str]] = {}
    for document in documents:
        _take_values(document, values)
        text = yaml.safe_dump(document, sort_keys=False, width=10_000)
        templates.setdefault(_file_of(document), []).append(_MARK.sub(_expression, text))
    about = {
        "apiVersion": "v2",
        "name": "flytejet",
        "description": "Deploy and run Python tasks on an event log over NATS JetStream.",
        "type": "application",
        "version": VERSION,
        "appVersion": VERSION,
    }
    files = {f"templates/{name}.yaml": "---\n".join(parts) for name, parts in templates.items()}
    files["Chart.yaml"] = yaml.safe_dump(about, sort_keys=False)
    files["values.yaml"] = yaml.safe_dump(values, sort_keys=False, width=10_000)
    return {name: _HEAD + text for name, text in sorted(files.items())}


def _file_of(document: Document) -> str:
    name = document["metadata"]["name"].removeprefix("flyte-")
    return {"NetworkPolicy": "network", "Namespace": "namespaces"}.get(
        document["kind"], name if name in SERVICES else "settings"
    )


def _take_values(document: Document, values: Document) -> None:
    """Move what differs between installations into the values, and leave marks of it."""
    kind, name = document["kind"], document["metadata"]["name"].removeprefix("flyte-")
    if kind == "ConfigMap" and name != "nats":
        values.setdefault("config", {})[name] = document["data"]
        document["data"] = f"@@yaml config.{name}@@"
    elif kind in ("Deployment", "StatefulSet", "Job"):
        (container,) = document["spec"]["template"]["spec"]["containers"]
        own = values[name] = {"image": container["image"], "resources": container["resources"]}
        container["image"] = f"@@value {name}.image@@"
        container["resources"] = f"@@yaml {name}.resources@@"
        if kind == "Deployment":  # the number of NATS servers stands in their routes and addresses, too
            own["replicas"] = document["spec"]["replicas"]
            document["spec"]["replicas"] = f"@@value {name}.replicas@@"
        for claim in document["spec"].get("volumeClaimTemplates", ()):
            own["volume"] = claim["spec"]
            claim["spec"] = f"@@yaml {name}.volume@@"


def _expression(found: re.Match[str]) -> str:
    """A mark as a template's expression: a value where it stands, a block below its key."""
    head, path = found["indent"] + found["before"], found["path"]
    if found["kind"] == "value":
        return f"{head}{{{{ .Values.{path} }}}}"
    depth = len(found["indent"]) + (4 if found["before"].startswith("- ") else 2)
    return f"{head.rstrip()} {{{{- toYaml .Values.{path} | nindent {depth} }}}}"


def main() -> int:
    """Write the chart; what is no part of it any more is removed."""
    files = chart(rendered_overlay())
    for path in CHART.rglob("*.yaml"):
        if str(path.relative_to(CHART)) not in files:
            path.unlink()
    for name, text in files.items():
        path = CHART / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
