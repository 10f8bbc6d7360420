"""Writes the Helm charts from overlays, so that there is one source of what runs on Kubernetes.

`python deploy/chart.py` writes `deploy/helm/flytejet` from `production`, and `flytejet-closed` from `closed`;
a test tells when it was forgotten. Templates use two forms only, `{{ .Values.a.b }}` and
`{{- toYaml .Values.a.b | nindent N }}`, which a test can render. The namespaces, and how many NATS servers
there are, stand in several places and are no values.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
CHARTS = {"flytejet": "production", "flytejet-closed": "closed"}
"""The overlay of each chart."""
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
_HEAD = "# Written by deploy/chart.py from deploy/kubernetes/overlays/{overlay}: change it there.\n"

Document = dict[str, Any]


def folder(name: str) -> Path:
    """Where a chart is."""
    return HERE / "helm" / name


def rendered(overlay: str) -> list[Document]:
    """The objects of an overlay, as kubectl puts them together."""
    words = ["kubectl", "kustomize", str(HERE / "kubernetes" / "overlays" / overlay)]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def chart(name: str, documents: list[Document]) -> dict[str, str]:
    """A chart's files by their names below its folder."""
    values: Document = {}
    templates: dict[str, list[str]] = {}
    for document in documents:
        _take_values(document, values)
        text = yaml.safe_dump(document, sort_keys=False, width=10_000)
        templates.setdefault(_file_of(document), []).append(_MARK.sub(_expression, text))
    about = {
        "apiVersion": "v2",
        "name": name,
        "description": "Deploy and run Python tasks on an event log over NATS JetStream.",
        "type": "application",
        "version": VERSION,
        "appVersion": VERSION,
    }
    files = {f"templates/{file}.yaml": "---\n".join(parts) for file, parts in templates.items()}
    files["Chart.yaml"] = yaml.safe_dump(about, sort_keys=False)
    files["values.yaml"] = yaml.safe_dump(values, sort_keys=False, width=10_000)
    head = _HEAD.format(overlay=CHARTS[name])
    return {file: head + text for file, text in sorted(files.items())}


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
        own = values.setdefault(name, {})
        own |= {"image": container["image"], "resources": container["resources"]}
        container["image"] = f"@@value {name}.image@@"
        container["resources"] = f"@@yaml {name}.resources@@"
        if kind == "Deployment":  # the number of NATS servers stands in their routes and addresses, too
            own["replicas"] = document["spec"]["replicas"]
            document["spec"]["replicas"] = f"@@value {name}.replicas@@"
        for claim in document["spec"].get("volumeClaimTemplates", ()):
            own["volume"] = claim["spec"]
            claim["spec"] = f"@@yaml {name}.volume@@"
    elif kind == "PersistentVolumeClaim":
        values.setdefault(name, {})["volume"] = document["spec"]
        document["spec"] = f"@@yaml {name}.volume@@"


def _expression(found: re.Match[str]) -> str:
    """A mark as a template's expression: a value where it stands, a block below its key."""
    head, path = found["indent"] + found["before"], found["path"]
    if found["kind"] == "value":
        return f"{head}{{{{ .Values.{path} }}}}"
    depth = len(found["indent"]) + (4 if found["before"].startswith("- ") else 2)
    return f"{head.rstrip()} {{{{- toYaml .Values.{path} | nindent {depth} }}}}"


def main() -> int:
    """Write the charts; what is no part of them any more is removed."""
    for name, overlay in CHARTS.items():
        files, place = chart(name, rendered(overlay)), folder(name)
        for path in place.rglob("*.yaml"):
            if str(path.relative_to(place)) not in files:
                path.unlink()
        for file, text in files.items():
            path = place / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
