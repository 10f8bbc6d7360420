"""Images: immutable, tagged by what is in them, and silent about the machine they were written on."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import flyte


def layers(image: flyte.Image) -> list[tuple[str, tuple[str, ...]]]:
    return [(layer.kind, layer.arguments) for layer in image.spec().layers]


def test_an_image_begins_with_a_from() -> None:
    with pytest.raises(TypeError, match="from_debian_base"):
        flyte.Image()


def test_each_layer_makes_another_image() -> None:
    begun = flyte.Image.from_debian_base(install_flyte=False)
    more = begun.with_pip_packages("pandas", "numpy").with_apt_packages("git")
    assert layers(begun) == []
    assert layers(more) == [("pip", ("pandas", "numpy")), ("apt", ("git",))]
    with pytest.raises(dataclasses.FrozenInstanceError):
        more.name = "other"  # type: ignore[misc]


def test_the_same_definition_has_the_same_address() -> None:
    def make(*packages: str, **options: Any) -> flyte.Image:
        return flyte.Image.from_debian_base((3, 12), registry="ghcr.io/me", name="image").with_pip_packages(
            *packages, **options
        )

    assert make("a") == make("a")
    assert hash(make("a")) == hash(make("a"))
    assert make("a").uri == str(make("a"))
    assert make("a").uri.startswith("ghcr.io/me/image:")
    assert len({make("a").uri, make("b").uri, make("a", "b").uri, make("a", pre=True).uri}) == 4


def test_an_image_without_name_or_registry_is_called_flyte() -> None:
    assert flyte.Image.from_debian_base().uri.startswith("flyte:")


def test_an_image_as_it_is_keeps_its_address_and_takes_no_layers() -> None:
    image = flyte.Image.from_base("ghcr.io/somebody/image:1")
    assert image.uri == "ghcr.io/somebody/image:1"
    with pytest.raises(ValueError, match="non-extendable"):
        image.with_pip_packages("a")
    more = image.clone(extendable=True, name="mine").with_pip_packages("a")
    assert more.uri.startswith("mine:")
    assert more.spec().base == "ghcr.io/somebody/image:1"


def test_an_image_of_a_registry_can_be_added_to() -> None:
    image = flyte.Image.from_registry("pytorch/pytorch:2.0-cuda11.7")
    assert image.uri == "pytorch/pytorch:2.0-cuda11.7"
    assert layers(image.with_pip_packages("transformers").with_apt_packages("git", "curl")) == [
        ("pip", ("transformers",)),
        ("apt", ("git", "curl")),
    ]


def test_a_named_image_is_for_the_deployment_to_resolve() -> None:
    assert flyte.Image.from_ref_name("gpu").uri == "gpu"
    assert flyte.Image.from_ref_name().uri == "default"


def test_what_tools_keep_in_a_folder_is_no_source_of_an_image(tmp_path: Path) -> None:
    def uri() -> str:
        return flyte.Image.from_debian_base().with_source_folder(tmp_path).uri

    def write(name: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")

    write("package/code.py")
    before = uri()
    for name in (".venv/lib/site-packages/a.py", "package/__pycache__/code.pyc", "package/.git/config"):
        write(name)
    (tmp_path / "package" / "gone").symlink_to("nowhere")
    assert uri() == before
    write("package/deeper/venv.py")
    assert uri() != before


def test_every_builder_leaves_its_mark(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("pandas\n")
    image = (
        flyte.Image.from_uv_script("main.py", name="x", registry="r", pre=True)
        .with_requirements(tmp_path / "requirements.txt", extra_index_urls="https://x")
        .with_commands(["a", "b"])
        .with_env_vars({"A": "1"})
        .with_workdir("/w")
        .with_source_folder(tmp_path, "/src", copy_contents_only=True)
        .with_source_file("a.txt")
        .with_code_bundle()
        .with_dockerignore(".dockerignore")
        .with_uv_project("pyproject.toml")
        .with_poetry_project("pyproject.toml", project_install_mode="install_project")
        .with_pixi_project("pixi.toml", environment="gpu")
        .with_local_v2()
        .with_apt_packages("git", secret_mounts=[flyte.Secret("token")])
    )
    kinds = [kind for kind, _ in layers(image)]
    assert kinds == [
        "flyte",
        "uv-script",
        "requirements",
        "commands",
        "env",
        "workdir",
        "source-folder",
        "source-file",
        "code-bundle",
        "dockerignore",
        "uv-project",
        "poetry-project",
        "pixi-project",
        "flyte",
        "apt",
    ]
    spec = image.spec()
    assert spec.layers[2].options == {"extra_index_urls": ["https://x"]}
    assert spec.layers[-1].options["secret_mounts"] == [{"key": "token", "as_env_var": "TOKEN"}]
    assert str(tmp_path) not in spec.model_dump_json()


def test_the_tag_follows_the_files_and_not_where_they_lie(tmp_path: Path) -> None:
    def tag(folder: str, text: str) -> str:
        (tmp_path / folder / "src").mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "requirements.txt").write_text(text)
        (tmp_path / folder / "src" / "a.py").write_text(text)
        image = flyte.Image.from_debian_base((3, 12)).with_requirements(
            tmp_path / folder / "requirements.txt"
        )
        return image.with_source_folder(tmp_path / folder / "src").spec().tag

    assert tag("one", "a") == tag("two", "a")
    assert tag("one", "b") != tag("two", "a")


def test_an_image_whose_files_are_not_here_can_be_declared_and_says_so_when_asked(tmp_path: Path) -> None:
    image = flyte.Image.from_dockerfile(tmp_path / "Dockerfile", registry="ghcr.io/me", name="image")
    assert image.uri.startswith("ghcr.io/me/image:")
    with pytest.raises(FileNotFoundError, match="Dockerfile"):
        image.validate()
    with pytest.raises(ValueError, match="non-extendable"):
        image.with_apt_packages("git")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    image.validate()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: flyte.Image.from_base(""), ValueError),
        (lambda: flyte.Image.from_base(3), TypeError),  # type: ignore[arg-type]
        (lambda: flyte.Image.from_debian_base(name="Bad Name"), ValueError),
        (lambda: flyte.Image.from_debian_base(python_version=3), TypeError),  # type: ignore[arg-type]
        (lambda: flyte.Image.from_debian_base().with_requirements("pyproject.toml"), ValueError),
        (lambda: flyte.Image.from_debian_base().with_pip_packages(["a"]), TypeError),  # type: ignore[arg-type]
        (lambda: flyte.Image.from_debian_base().with_commands("a"), TypeError),
        (lambda: flyte.Image.from_debian_base().with_code_bundle("some"), ValueError),
    ],
)
def test_an_image_that_cannot_be_is_refused(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()
