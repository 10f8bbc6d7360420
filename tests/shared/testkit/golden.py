"""Files that change only on purpose: run the tests with `FLYTE_GOLDEN=write`, and read the difference."""

import os
from pathlib import Path

WRITE = os.environ.get("FLYTE_GOLDEN", "") == "write"


def is_golden(path: Path, text: str) -> bool:
    """Whether the file holds exactly `text`; when golden files are being written, it does afterwards."""
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path.exists() and path.read_text(encoding="utf-8") == text


def replace_block(text: str, name: str, block: str) -> str:
    """`text` with what stands between `<!-- name -->` and `<!-- /name -->` replaced by `block`.

    Raises ValueError when the text has no such place, or more than one.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"there must be one {start} and one {end}")
    head, _, rest = text.partition(start)
    return f"{head}{start}\n{block}\n{end}{rest.partition(end)[2]}"
