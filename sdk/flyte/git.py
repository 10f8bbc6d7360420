"""The git repository that a program stands in: its configuration file, and where its source can be seen."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from flyte.config import Config

__all__ = ["GitStatus", "config_from_root"]

GIT_TIMEOUT_S = 10.0
"""The longest that git may take to answer."""


def config_from_root(path: str | Path = ".flyte/config.yaml") -> Config | None:
    """The configuration in the file `path`, seen from the root of the repository; None outside of one.

    Raises InitializationError when the repository has no such file, or it cannot be read.
    """
    root = _git("rev-parse", "--show-toplevel")
    return Config.auto(Path(root) / path) if root else None


@dataclass(frozen=True, slots=True)
class GitStatus:
    """The repository of the current folder; outside of one `is_valid` is false and the rest is empty.

    `remote_url` is the address of `origin` as browsers take it; empty when there is none.
    """

    is_valid: bool = False
    is_tree_clean: bool = False
    remote_url: str = ""
    repo_dir: Path = Path()
    commit_sha: str = ""

    @classmethod
    def from_current_repo(cls) -> "GitStatus":
        """What git says of the current folder now."""
        root, commit = _git("rev-parse", "--show-toplevel"), _git("rev-parse", "HEAD")
        if not root or not commit:
            return cls()
        return cls(
            is_valid=True,
            is_tree_clean=_git("status", "--porcelain") == "",
            remote_url=_for_browsers(_git("remote", "get-url", "origin") or ""),
            repo_dir=Path(root),
            commit_sha=commit,
        )

    def build_url(self, path: str | Path, line_number: int) -> str:
        """Where a line of a file of the repository can be seen; empty when nobody knows.

        Raises ValueError for a file outside of the repository.
        """
        if not self.is_valid or not self.remote_url:
            return ""
        relative = Path(path).resolve().relative_to(self.repo_dir.resolve()).as_posix()
        folder = "-/blob" if "gitlab" in self.remote_url else "blob"
        return f"{self.remote_url}/{folder}/{self.commit_sha}/{relative}#L{line_number}"


def _git(*words: str) -> str | None:
    """What git answers; None when it refuses, is not there, or takes too long."""
    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _for_browsers(remote: str) -> str:
    """An address of git's (`git@host:owner/name.git`, `ssh://…`) as `https://host/owner/name`."""
    plain = remote.removesuffix(".git").rstrip("/")
    if plain.startswith(("/", ".", "file:")):
        return plain
    is_web = plain.startswith(("http://", "https://"))
    match = re.fullmatch(r"(?:ssh://)?(?:[^@/]+@)?([^:/@]+)(?::\d+/|[:/])(.+)", plain)
    if match and not is_web:
        return f"https://{match[1]}/{match[2]}"
    return re.sub(r"^(https?://)[^@/]+@", r"\1", plain)
