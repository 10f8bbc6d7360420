"""The repository that a program stands in."""

import subprocess
from pathlib import Path

import pytest

import flyte
import flyte.git
from flyte.git import GitStatus, _for_browsers, config_from_root


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit and a configuration; the current folder is one of its own."""
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    (root / ".flyte").mkdir()
    (root / ".flyte" / "config.yaml").write_text("task: {project: of-git}\nadmin: {endpoint: 'h:1'}\n")
    for words in (
        ["init"],
        ["add", "."],
        ["-c", "user.email=a@b", "-c", "user.name=n", "commit", "-m", "x"],
        ["remote", "add", "origin", "git@github.com:acme/things.git"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    monkeypatch.chdir(root / "src")
    return root


def test_the_configuration_stands_at_the_root(repository: Path) -> None:
    config = config_from_root()
    assert config is not None
    assert config.source == repository / ".flyte" / "config.yaml"
    flyte.init_from_config(config)
    assert flyte.current_project() == "of-git"
    with pytest.raises(flyte.errors.InitializationError, match="there is no configuration file"):
        config_from_root("other.yaml")


def test_the_state_of_the_repository_is_told(repository: Path) -> None:
    status = GitStatus.from_current_repo()
    assert (status.is_valid, status.is_tree_clean, status.repo_dir) == (True, True, repository)
    assert (status.remote_url, len(status.commit_sha)) == ("https://github.com/acme/things", 40)
    seen = status.build_url("flow.py", 7)
    assert seen == f"https://github.com/acme/things/blob/{status.commit_sha}/src/flow.py#L7"
    (repository / "src" / "new.py").write_text("")
    assert not GitStatus.from_current_repo().is_tree_clean


def test_outside_of_a_repository_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert GitStatus.from_current_repo() == GitStatus()
    assert (config_from_root(), GitStatus().build_url("x.py", 1)) == (None, "")


@pytest.mark.parametrize(
    ("remote", "seen"),
    [
        ("git@github.com:acme/things.git", "https://github.com/acme/things"),
        ("ssh://git@git.example.com:2222/acme/things.git", "https://git.example.com/acme/things"),
        ("https://token@gitlab.com/acme/things.git", "https://gitlab.com/acme/things"),
        ("https://github.com/acme/things", "https://github.com/acme/things"),
        ("/srv/git/things.git", "/srv/git/things"),
    ],
)
def test_an_address_of_gits_is_made_fit_for_browsers(remote: str, seen: str) -> None:
    assert _for_browsers(remote) == seen
