"""Where the control plane is: arguments, variables, files and a stack that runs here."""

import base64
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
    document |= {"console_url": "http://127.0.0.1:4998"}
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
        ("dns:///a:1, b:2,nats://c:3", "nats://a:1,nats://b:2,nats://c:3"),
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


def test_the_page_is_the_stacks_or_what_the_file_says(project: Path) -> None:
    write_stack(os.getpid())
    assert make_config().console_url == "http://127.0.0.1:4998"
    assert make_config(endpoint="nats://elsewhere:4222").console_url == ""
    write_config(project, "console: {endpoint: flyte.example/}")
    assert make_config().console_url == "https://flyte.example"
    write_config(project, "console: {endpoint: 'nats://flyte.example'}")
    with pytest.raises(ValueError, match="is no address"):
        make_config()


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
    with pytest.raises(TypeError, match=r"storage is a flyte.storage.S3, GCS or ABFS, not str"):
        flyte.init(storage="s3")
    with pytest.raises(TypeError, match="projct"):
        flyte.init(projct="p")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="log level 'LOUD'"):
        flyte.init(log_level="LOUD")


async def test_setting_up_may_be_awaited(project: Path) -> None:
    await flyte.init.aio(project="a")
    assert flyte.current_project() == "a"
    await flyte.init_from_config.aio(write_config(project, "admin: {endpoint: 'h:1'}\ntask: {project: b}"))
    assert flyte.current_project() == "b"


def test_images_of_the_configuration_are_those_that_are_deployed(project: Path) -> None:
    from flyte._deploy import plan_here
    from flyte._loading import load_file

    (project / "flow.py").write_text(
        "import flyte\nenv = flyte.TaskEnvironment('env', image=flyte.Image.from_ref_name('mine'))\n"
        "@env.task\ndef one() -> None: ...\n"
    )
    flyte.init(images={"mine": "registry/mine:1"}, sync_local_sys_paths=False)
    plan = plan_here([load_file(Path("flow.py")).environment("env")])
    assert plan.templates[0].image == "registry/mine:1"
    assert plan.layout.import_paths == ("",)


def test_sections_may_be_given_by_place() -> None:
    config = flyte.config.Config(flyte.config.PlatformConfig("h:1"), flyte.config.TaskConfig("o", "p", "d"))
    assert (config.platform.endpoint, config.task.project) == ("h:1", "p")


def test_every_option_of_the_file_can_be_said_by_a_variable(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTE_TASK_ORG", "vo")
    monkeypatch.setenv("FLYTE_IMAGE_IMAGE_REFS", "a=uri/a,b=uri/b")
    monkeypatch.setenv("FLYTE_LOCAL_PERSISTENCE", "true")
    config = flyte.config.Config.auto()
    assert (config.source, config.task.org, config.local.persistence) == (None, "vo", True)
    assert make_config().images == config.image.image_refs == {"a": "uri/a", "b": "uri/b"}
    path = write_config(
        project, "task: {org: fo}\nimage: {registry: reg}\nadmin: {authType: Pkce, scopes: [x]}"
    )
    config = flyte.config.auto(path)
    assert (config.task.org, config.image.registry, config.source) == ("vo", "reg", path)
    assert (config.platform.auth_mode, config.platform.scopes) == ("Pkce", ("x",))
    monkeypatch.setenv("FLYTE_LOCAL_PERSISTENCE", "perhaps")
    with pytest.raises(ValueError, match="FLYTE_LOCAL_PERSISTENCE"):
        flyte.config.Config.auto()


def test_a_configuration_object_sets_the_process_up(project: Path) -> None:
    path = write_config(project, "admin: {endpoint: 'h:1'}\ntask: {project: fp}")
    flyte.init_from_config(flyte.config.Config.auto(path))
    assert (_session.client().config.endpoint, flyte.current_project()) == ("nats://h:1", "fp")


def test_an_api_key_holds_endpoint_and_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    key = base64.b64encode(b"nats://h:4222:me:hush:org").decode()
    flyte.init_from_api_key(key, project="p")
    config = _session.client().config
    assert (config.endpoint, config.user, config.password) == ("nats://h:4222", "me", "hush")
    with pytest.raises(errors.InitializationError, match="no API key") as caught:
        flyte.init_from_api_key()
    assert caught.value.code == "MissingApiKeyError"
    monkeypatch.setenv("FLYTE_API_KEY", key)
    assert make_config().user == "me"
    with pytest.raises(ValueError, match="is not base64"):
        flyte.init(api_key="k")


def test_a_password_may_stand_in_a_file_of_its_own(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "secret").write_text("hush\n")
    write_config(
        project, f"admin: {{endpoint: 'h:1', clientId: me, clientSecretLocation: {project / 'secret'}}}"
    )
    assert (make_config().user, make_config().password) == ("me", "hush")
    monkeypatch.setenv("FLYTE_ADMIN_CLIENTSECRETLOCATION", str(project / "nowhere"))
    with pytest.raises(errors.InitializationError, match="cannot be read"):
        make_config()


def test_other_ways_to_set_up_end_in_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    flyte.init_passthrough(endpoint="h:1", project="p")
    assert _session.client().config.endpoint == "nats://h:1"
    monkeypatch.setenv("FLYTE_NATS_URL", "nats://h:2")
    flyte.init_in_cluster(domain="d")
    assert (_session.client().config.endpoint, flyte.current_domain()) == ("nats://h:2", "d")


async def test_setting_up_can_be_awaited_like_all_the_rest(project: Path) -> None:
    await flyte.init.aio(project="mine", domain="staging")
    assert (flyte.current_project(), flyte.current_domain()) == ("mine", "staging")
    (project / "config.yaml").write_text("admin: {endpoint: 'nats://host:4222'}\ntask: {project: theirs}\n")
    await flyte.init_from_config.aio("config.yaml")
    assert flyte.current_project() == "theirs"
