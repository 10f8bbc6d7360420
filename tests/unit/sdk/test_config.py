"""Where the control plane is: arguments, variables, files and a stack that runs here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import flyte
from flyte import _session, errors
from flyte._config import make_config, nats_url
from flyte._stack import find_stack, stack_home


def write_config(folder: Path, text: str) -> Path:
    path = folder / ".flyte" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_stack(pid: int) -> None:
    stack_home().mkdir(parents=True, exist_ok=True)
    document = {"pid": pid, "nats_url": "nats://127.0.0.1:4999", "nats_user": "u", "nats_password": "hush"}
    (stack_home() / "stack.json").write_text(json.dumps(document))


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("nats://h:1", "nats://h:1"),
        ("h:4222", "nats://h:4222"),
        ("dns:///h:4222", "nats://h:4222"),
        ("tls://u:p@h", "tls://u:p@h"),
    ],
)
def test_an_endpoint_may_be_written_in_several_ways(endpoint: str, url: str) -> None:
    assert nats_url(endpoint) == url


@pytest.mark.parametrize("endpoint", ["http://h", "nats://", "://x"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="is no NATS address"):
        nats_url(endpoint)


def test_a_file_is_found_and_variables_win_over_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(project, "admin: {endpoint: 'h:1'}\ntask: {project: fp, domain: fd}")
    assert make_config().endpoint == "nats://h:1"
    assert (make_config().project, make_config().domain) == ("fp", "fd")
    monkeypatch.setenv("FLYTE_TASK_DOMAIN", "vd")
    monkeypatch.setenv("FLYTE_ADMIN_ENDPOINT", "v:2")
    config = make_config(project="ap")
    assert (config.endpoint, config.project, config.domain) == ("nats://v:2", "ap", "vd")


def test_variables_count_without_any_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_TASK_PROJECT", "vp")
    assert (make_config().project, make_config().domain) == ("vp", "development")


def test_the_first_file_in_the_known_order_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(Path(os.environ["HOME"]), "task: {project: home}")
    assert make_config().project == "home"
    monkeypatch.setenv("FLYTECTL_CONFIG", str(write_config(project / "ctl", "task: {project: ctl}")))
    assert make_config().project == "ctl"
    (project / ".git").mkdir()
    write_config(project, "task: {project: git}")
    below = project / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert make_config().project == "git"
    (below / "config.yaml").write_text("task: {project: here}")
    assert make_config().project == "here"


def test_a_named_file_must_exist_and_be_yaml(project: Path) -> None:
    with pytest.raises(errors.InitializationError) as caught:
        flyte.init_from_config(project / "nope.yaml")
    assert caught.value.code == "ConfigFileNotFoundError"
    for text in ("admin: [", "- a list"):
        with pytest.raises(errors.InitializationError) as caught:
            make_config(file=write_config(project, text))
        assert caught.value.code == "ConfigFileInvalidError"


def test_a_stack_that_runs_here_is_found_without_configuration(project: Path) -> None:
    write_stack(os.getpid())
    config = make_config()
    assert (config.endpoint, config.user, config.password) == ("nats://127.0.0.1:4999", "u", "hush")
    assert "hush" not in repr(config)
    flyte.init_from_config()
    assert _session.is_connected()


def test_a_stack_that_died_is_not_found(project: Path) -> None:
    write_stack(ended_process())
    assert find_stack() is None
    (stack_home() / "stack.json").write_text("{")
    assert find_stack() is None


def test_with_nothing_to_connect_to_the_way_out_is_named(project: Path) -> None:
    with pytest.raises(errors.InitializationError, match="flyte start"):
        flyte.init_from_config()
    write_config(project, "task: {project: p}")
    with pytest.raises(errors.InitializationError, match=r"has no admin\.endpoint, and no stack runs"):
        flyte.init_from_config()
    with pytest.raises(errors.InitializationError, match="no client is configured"):
        _session.client()


def test_init_without_endpoint_stays_local_and_names_the_place(project: Path) -> None:
    with pytest.raises(errors.InitializationError) as caught:
        flyte.current_domain()
    assert caught.value.code == "DomainNotInitializedError"
    flyte.init(project="p", domain="d")
    assert not _session.is_connected()
    assert (flyte.current_project(), flyte.current_domain()) == ("p", "d")


def test_bad_names_and_unknown_options_are_refused(project: Path) -> None:
    with pytest.raises(ValueError, match=r"project 'a\.b' is not allowed"):
        flyte.init(project="a.b")
    with pytest.raises(NotImplementedError, match="api_key"):
        flyte.init(api_key="k")
    flyte.init(log_level="INFO")
