"""The page's sources build to the assets that are committed, keep the types' rules, and pass their tests."""

import subprocess
from pathlib import Path

from flyte_console.settings import ASSETS

LIMIT_S = 110
MOST_BYTES = 120 * 1024


def typed(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_assets_are_what_the_sources_build(sources: Path, tmp_path: Path) -> None:
    typed(sources, "node", "build.mjs", str(tmp_path / "built"))
    built, committed = contents(tmp_path / "built"), contents(ASSETS)
    assert built.keys() == committed.keys(), "run `npm ci && npm run build` in services/console/web"
    assert built == committed


def test_the_assets_name_the_licences_of_what_they_contain() -> None:
    text = (ASSETS / "LICENSES.txt").read_text()
    assert "preact" in text
    assert "Permission is hereby granted" in text


def test_the_types_are_right(sources: Path) -> None:
    typed(sources, "npm", "run", "check")


def test_what_is_pure_passes_its_own_tests(sources: Path) -> None:
    assert "# fail 0" in typed(sources, "npm", "test")
