"""Writes what the wheel is made of, beside it: a CycloneDX document of the locked dependencies (`make sbom`).

    python deploy/sbom.py dist/flytejet-0.1.0-py3-none-any.whl [EXTRA…]

Names, versions and hashes are those of requirements.lock, which is what an image or a checkout installs;
licences are what the installed packages say of themselves. Without an EXTRA it has all of them, marked as
optional. What is only for another system than this one is left out. One wheel and lock give the same bytes.
"""

import datetime
import hashlib
import importlib.metadata
import json
import os
import sys
import tomllib
import uuid
from collections.abc import Iterable
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from locked import ROOT, Entry, needed, read, roots
from packageurl import PackageURL
from packaging.markers import Marker

BUILT_AT = 1580601600
"""The time that hatchling writes into a wheel, unless SOURCE_DATE_EPOCH says another."""


def document(wheel: Path, extras: Iterable[str] | None = None) -> str:
    """The document of this wheel, as JSON.

    Raises:
        LookupError: a dependency is not installed, or does not say its licence.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    entries = [entry for entry in read((ROOT / "requirements.lock").read_text()) if _is_for_here(entry)]
    always = needed(entries, roots(project, ()))
    chosen = list(project["project"]["optional-dependencies"]) if extras is None else list(extras)
    with_extras = roots(project, chosen)
    parts = {e.name: _component(e, optional=e not in always) for e in needed(entries, with_extras)}
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    itself = _itself(project["project"], digest)
    bom = Bom(
        components=parts.values(),
        metadata=BomMetaData(component=itself, timestamp=_time()),
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{digest}"),
    )
    bom.register_dependency(itself, [parts[name] for name in with_extras if name in parts])
    for entry in needed(entries, with_extras):
        bom.register_dependency(parts[entry.name])
        for parent in entry.wanted_by & parts.keys():
            bom.register_dependency(parts[parent], [parts[entry.name]])
    return json.dumps(json.loads(JsonV1Dot6(bom).output_as_string()), indent=1, sort_keys=True) + "\n"


def _time() -> datetime.datetime:
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", BUILT_AT))
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _is_for_here(entry: Entry) -> bool:
    return entry.marker is None or Marker(entry.marker).evaluate()


def _itself(project: dict[str, str], digest: str) -> Component:
    purl = PackageURL("pypi", name=project["name"], version=project["version"])
    return Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=str(purl),
        purl=purl,
        licenses=[LicenseFactory().make_from_string(project["license"])],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )


def _component(entry: Entry, *, optional: bool) -> Component:
    purl = PackageURL("pypi", name=entry.name, version=entry.version)
    return Component(
        name=entry.name,
        version=entry.version,
        bom_ref=str(purl),
        purl=purl,
        scope=ComponentScope.OPTIONAL if optional else ComponentScope.REQUIRED,
        licenses=[LicenseFactory().make_from_string(licence(entry))],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=h.removeprefix("sha256:")) for h in entry.hashes],
    )


def licence(entry: Entry) -> str:
    """What the installed package says its licence is: an expression, else a name, else its classifiers'.

    Raises:
        LookupError: it is not installed, is another version, or does not say.
    """
    try:
        told = importlib.metadata.metadata(entry.name)
    except importlib.metadata.PackageNotFoundError as error:
        raise LookupError(
            f"{entry.name} is not installed, so its licence is not known; run `make sbom`"
        ) from error
    if told["Version"] != entry.version:
        raise LookupError(
            f"{entry.name} is {told['Version']} here and {entry.version} in the lock; run `make setup`"
        )
    classifiers = [
        c.rsplit(" :: ", 1)[-1] for c in told.get_all("Classifier", []) if c.startswith("License ::")
    ]
    name = told["License"] if len((told["License"] or "\n\n").splitlines()) == 1 else None
    words = told["License-Expression"] or name or ", ".join(c for c in classifiers if c != "OSI Approved")
    if not words:
        raise LookupError(f"{entry.name} {entry.version} does not say its licence")
    return str(words)


def main(wheel: str, *extras: str) -> None:
    """Write the document beside the wheel."""
    target = Path(wheel).with_suffix(".cdx.json")
    target.write_text(document(Path(wheel), extras or None))
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except LookupError as error:
        sys.exit(str(error))
