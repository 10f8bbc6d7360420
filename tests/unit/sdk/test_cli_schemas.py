"""`flyte schemas export`, as it is typed."""

import json
import sys
from pathlib import Path

import pytest

from flyte._cli.main import main
from flyte_schemas.vocabulary import DATA_TYPES


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["flyte", "schemas", "export", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_folder_gets_the_document_and_a_schema_of_each_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "schemas"
    assert typed(monkeypatch, str(folder)) == 0
    assert capsys.readouterr().out == f"{len(DATA_TYPES) + 2} files written to {folder}\n"
    written = {str(path.relative_to(folder)) for path in folder.rglob("*.json")}
    assert written == {"asyncapi.json", "events.json", *(f"events/{data.TYPE}.json" for data in DATA_TYPES)}
    failed = json.loads((folder / "events" / "flyte.action.failed.v1.json").read_text())
    assert failed["properties"]["type"]["const"] == "flyte.action.failed.v1"
    assert typed(monkeypatch) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((folder / "asyncapi.json").read_text())


def test_where_no_folder_can_be_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert typed(monkeypatch, str(tmp_path / "file")) == 1
    assert "error: " in (told := capsys.readouterr().err) and str(tmp_path / "file") in told
