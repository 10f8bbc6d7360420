"""The JavaScript example of a subscriber, installed: a fixture that a test imports by name."""

import shutil
import subprocess
from pathlib import Path

import pytest

from testkit.subscriber import SUBSCRIBERS


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript example with its packages, as its user installs them, in a folder that goes away."""
    if shutil.which("npm") is None:
        pytest.skip("the JavaScript example needs node and npm")
    folder = tmp_path_factory.mktemp("javascript")
    for path in (SUBSCRIBERS / "javascript").iterdir():
        shutil.copy(path, folder)
    words = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", str(folder / "cache")]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
