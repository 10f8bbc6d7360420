"""A rehearsal: the bundle is unpacked and imported in a clean interpreter before anybody else sees it.

What a task misses on the stack is then told at once, with the name of the file that wants it. Only that is a
refusal which is sure to fail there, too: a module or file that is below the source root on this machine, and
not in the bundle. What else goes wrong is noted, for images may hold what this machine does not.
"""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyte import errors
from flyte._bundle import Bundle
from flyte._imports import file_below, imports_of
from flyte._layout import Layout, below, is_installed
from flyte._limits import MAX_REMEMBERED_REHEARSALS, REHEARSAL_LIMIT_S
from flyte._rehearsing import Report
from flyte._runtime.importing import WHY
from flyte._stack import own_folder, stack_home
from flyte_schemas.task import TaskTemplate

SWITCH = "FLYTE_REHEARSAL"
"""The variable that says `off`."""

_STAGE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from flyte._rehearsing import main; main()"
)


def rehearse(
    bundle: Bundle, layout: Layout, templates: Sequence[TaskTemplate], project: str, domain: str
) -> tuple[str, ...]:
    """Import the bundle's tasks as a runner would; what is worth noting, as sentences.

    A rehearsal that went well is remembered and not done again. Raises CodeBundleError when the bundle
    lacks something that it needs.
    """
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "false", "no") or not sys.executable:
        return ()
    packed = {file.path for file in bundle.files}
    sources = _sources(template for template in templates if template.source.file in packed)
    if not sources:  # the code is in the image
        return ()
    memory = stack_home() / "rehearsals" / _name(bundle, sources, project, domain)
    if memory.exists():
        return ()
    notes = []
    for source, report in zip(sources, _perform(bundle, layout, sources, project, domain), strict=True):
        _refuse(report, bundle, layout)
        if report.kind != "fine":
            notes.append(_note(source["file"], report))
    if not notes:
        _remember(memory)
    return tuple(notes)


def _sources(templates: Iterable[TaskTemplate]) -> list[dict[str, Any]]:
    """What there is to import: each source file once, with its tasks."""
    found: dict[str, dict[str, Any]] = {}
    for template in templates:
        source = template.source
        entry = found.setdefault(
            source.file,
            {
                "module": source.module,
                "file": source.file,
                "import_paths": list(source.import_paths),
                "env_vars": dict(template.env_vars),
                "tasks": [],
            },
        )
        entry["tasks"].append(template.name)
    return list(found.values())


def _perform(
    bundle: Bundle, layout: Layout, sources: list[dict[str, Any]], project: str, domain: str
) -> list[Report]:
    with tempfile.TemporaryDirectory(prefix="flyte-rehearsal-", ignore_cleanup_errors=True) as folder:
        root, reports = Path(folder).resolve() / "code", Path(folder).resolve() / "reports"
        reports.mkdir()
        with tarfile.open(fileobj=io.BytesIO(bundle.data)) as archive:
            archive.extractall(root, filter="data")
        order = {
            "root": str(root),
            "reports": str(reports),
            "project": project,
            "domain": domain,
            "sources": sources,
        }
        ending = _run(json.dumps(order), _paths(layout), root)
        return [_read(reports / f"{number}.json", ending) for number in range(len(sources))]


def _run(order: str, paths: list[str], folder: Path) -> str:
    """Run the stage on an order; how it ended, when it did not end well."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", _STAGE, json.dumps(paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        text=True,
        start_new_session=True,
    )
    try:
        process.communicate(order, timeout=REHEARSAL_LIMIT_S)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            return f"it took more than {REHEARSAL_LIMIT_S:g} s"
        raise
    return f"the interpreter ended with code {process.returncode}"


def _read(file: Path, ending: str) -> Report:
    try:
        return Report(**json.loads(file.read_text()))
    except OSError:
        return Report(kind="other", text=ending)


def _paths(layout: Layout) -> list[str]:
    """This process's `sys.path` without the user's own source; with our packages, wherever they lie."""
    own = {str(Path(file).parents[1]) for file in (_file_of("flyte"), _file_of("flyte_schemas")) if file}
    return [
        entry
        for entry in sys.path
        if entry and (entry in own or is_installed(Path(entry)) or below(Path(entry), layout.root) is None)
    ]


def _file_of(package: str) -> str:
    return getattr(sys.modules.get(package), "__file__", None) or ""


def _refuse(report: Report, bundle: Bundle, layout: Layout) -> None:
    """Raises CodeBundleError for what is here and not in the bundle, and for what no task may do."""
    wanted_by = f"{report.file} (line {report.line})" if report.file else "the source"
    packed = {file.path for file in bundle.files}
    match report.kind:
        case "module":
            name = _whole_name(report, layout)
            missing = file_below(layout, name)
            if missing is None or layout.relative(missing) in packed:
                return
            what = f"module {name!r} ({layout.relative(missing)}), which {wanted_by} imports"
        case "file":
            if not report.missing or report.missing in packed or not (layout.root / report.missing).exists():
                return
            what = f"{report.missing}, which {wanted_by} reads when it is imported"
        case "asks":
            raise errors.CodeBundleError(f"{wanted_by} cannot be deployed: {WHY}")
        case "task":
            raise errors.CodeBundleError(f"{report.file} does not work on its own: {report.text}")
        case _:
            return
    raise errors.CodeBundleError(
        f"the bundle lacks {what}: name it in TaskEnvironment(include=(…)), or use copy_style='all' and look "
        "what .gitignore and .flyteignore leave out"
    )


def _whole_name(report: Report, layout: Layout) -> str:
    """The module that was asked for, when Python missed the folder that it stands in."""
    missing = file_below(layout, report.missing)
    if missing is not None and missing.is_dir() and report.file:
        for wanted in imports_of(layout.root / report.file):
            names = [wanted.module, *(f"{wanted.module}.{name}" for name in wanted.names)]
            for name in names:
                found = file_below(layout, name) if name.startswith(f"{report.missing}.") else None
                if found is not None and found.is_file():
                    return name
    return report.missing


def _note(file: str, report: Report) -> str:
    if report.kind == "module":
        return (
            f"{report.file or file} imports {report.missing!r}, which is not below the source root: it must "
            "be installed where the tasks run"
        )
    where = f"{report.file}, line {report.line}: " if report.file else ""
    return f"{file} did not import in a clean interpreter ({where}{report.text}); the stack may do better"


def _name(bundle: Bundle, sources: list[dict[str, Any]], project: str, domain: str) -> str:
    """The same for the same rehearsal on the same interpreter."""
    what = [bundle.sha256, sources, project, domain, sys.executable, sys.version, __file__]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _remember(memory: Path) -> None:
    """Leave a mark; when there are too many, the oldest go. A home that cannot be written is no trouble."""
    with suppress(OSError):
        own_folder(memory.parent)
        memory.touch(mode=0o600)
        marks = list(memory.parent.iterdir())
        if len(marks) > MAX_REMEMBERED_REHEARSALS:
            marks.sort(key=lambda mark: mark.stat().st_mtime)
            for mark in marks[: len(marks) // 2]:
                mark.unlink(missing_ok=True)
