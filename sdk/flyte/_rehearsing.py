"""The stage of a rehearsal: a clean interpreter that imports an unpacked bundle as a runner would.

It reads an order from standard input, and writes for each source a report into a file of its own: what the
user's code prints, and how it may end this process, is nobody's trouble then.
"""

import contextlib
import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_NOT_IN = re.compile(r"cannot import name '([^']+)' from '([^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How the import of one source went. Paths are relative to the root of the bundle.

    `kind` is "fine", "module" (`missing` is its dotted name), "file" (`missing` is its path), "task" (one
    that is not declared), "asks" (the stack for something) or "other"; `file` and `line` say where the
    user's code was.
    """

    kind: str
    missing: str = ""
    file: str = ""
    line: int = 0
    text: str = ""


def main() -> None:
    """Rehearse what the order on standard input says; each source in a process of its own."""
    order = json.load(sys.stdin)
    sources = order["sources"]
    for number, source in enumerate(sources):
        if number < len(sources) - 1:
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                continue
        report = _rehearse(Path(order["root"]), source, order["project"], order["domain"])
        (Path(order["reports"]) / f"{number}.json").write_text(json.dumps(asdict(report)))
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(0)  # whatever threads the user's modules have started


def _rehearse(root: Path, source: dict[str, Any], project: str, domain: str) -> Report:
    from flyte import errors
    from flyte._runtime import context
    from flyte._runtime.importing import importing
    from flyte._runtime.loading import find_task, load_module

    os.environ.update(source["env_vars"])
    os.chdir(root)
    sys.argv = [source["file"]]
    action = context.ActionID(name="a0", run_name="rehearsal", project=project, domain=domain)
    with context.use(context.TaskContext(action=action, mode="remote")):
        try:
            with importing():
                load_module(
                    source["module"], root / source["file"], root=root, import_paths=source["import_paths"]
                )
        except errors.ModuleLoadError as error:
            return report_on(error.__cause__ or error, root)
        try:
            for task in source["tasks"]:
                find_task(task)
        except errors.ModuleLoadError as error:
            return Report(kind="task", file=source["file"], text=str(error))
    return Report(kind="fine")


def report_on(error: BaseException, root: Path) -> Report:
    """What an exception at import means for the bundle at `root`."""
    file, line = _place(error, root)
    text = f"{type(error).__name__}: {error}".replace(str(root.resolve()) + os.sep, "")
    kind, missing = "other", ""
    match error:
        case _ if getattr(error, "code", None) == "AskedAtImport":
            kind = "asks"
        case ModuleNotFoundError(name=str(name)):
            kind, missing = "module", name
        case ImportError() if found := _NOT_IN.search(str(error)):
            kind, missing = "module", f"{found[2]}.{found[1]}"
        case FileNotFoundError(filename=str() | bytes() as path):
            kind, missing = "file", _relative(os.fsdecode(path), root)
    return Report(kind=kind, missing=missing, file=file, line=line, text=text)


def _place(error: BaseException, root: Path) -> tuple[str, int]:
    """The innermost line of the bundle's own source that an exception came by."""
    place, frame = ("", 0), error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if Path(file).is_relative_to(root.resolve()):
            place = (_relative(file, root), frame.tb_lineno)
        frame = frame.tb_next
    return place


def _relative(path: str, root: Path) -> str:
    whole = os.path.normpath(root.resolve() / path)
    return os.path.relpath(whole, root.resolve()) if Path(whole).is_relative_to(root.resolve()) else ""
