"""An agent in an image compares what the image says of itself with what its task declares."""

import platform
from pathlib import Path

import pytest

from flyte_agent.image import ImageMismatch, check_image
from flyte_agent.settings import AgentSettings
from flyte_schemas.image import ImageLayer, ImageManifest, ImageSpec, differences, manifest_of
from flyte_schemas.task import TaskTemplate
from testkit.tasks import template

PYTHON = platform.python_version()
SPEC = ImageSpec(
    base="image:1",
    layers=(ImageLayer(kind="pip", arguments=("a==1", "b")), ImageLayer(kind="env", options={"A": "1"})),
    sdk="0.1.0",
    python_version="3.12",
)


def declaring(spec: ImageSpec | None, image: str = "") -> TaskTemplate:
    found = template()
    return found.model_copy(
        update={"image": image or (spec.address("r") if spec else "x"), "image_spec": spec}
    )


def settings(tmp_path: Path, found: ImageManifest | None, image: str = "r/flyte:1") -> AgentSettings:
    path = tmp_path / "image.json"
    if found is not None:
        path.write_text(found.model_dump_json())
    return AgentSettings(home=tmp_path, image=image, manifest=path)


def built(**changes: object) -> ImageManifest:
    return manifest_of(SPEC).model_copy(update={"python": PYTHON, **changes})


def test_the_image_that_was_declared_is_taken(tmp_path: Path) -> None:
    check_image(declaring(SPEC), settings(tmp_path, built()))


def test_each_difference_is_named(tmp_path: Path) -> None:
    other = built(python="3.9.1", sdk="0.0.9", packages=("pip a==2", "pip b"))
    with pytest.raises(ImageMismatch) as raised:
        check_image(declaring(SPEC), settings(tmp_path, other))
    failure = raised.value.failure
    assert failure.code == "ImageMismatch" and not failure.recoverable
    for words in (
        f"it runs Python {PYTHON}, and was built with Python 3.9.1",
        "its flytejet is 0.0.9, and 0.1.0 was declared",
        "it was built without pip a==1",
        "it was built with undeclared pip a==2",
    ):
        assert words in failure.message


def test_an_image_that_says_nothing_is_not_the_declared_one(tmp_path: Path) -> None:
    with pytest.raises(ImageMismatch, match="flyte build"):
        check_image(declaring(SPEC), settings(tmp_path, None))


def test_nothing_is_compared_where_images_mean_nothing_or_somebody_else_names_one(tmp_path: Path) -> None:
    check_image(declaring(SPEC), settings(tmp_path, None, image=""))
    check_image(declaring(SPEC, "mine:1"), settings(tmp_path, None))
    check_image(declaring(None), settings(tmp_path, None))


def test_the_python_of_a_base_of_ours_is_declared() -> None:
    ours = ImageSpec(base="python:3.12-slim-bookworm", python_version="3.12")
    expected = manifest_of(ours)
    assert expected.python == "3.12"
    found = expected.model_copy(update={"python": "3.12.4"})
    assert differences(expected, found, "3.12.4") == ()
    assert differences(expected, found, "3.1.2") == ("it runs Python 3.1.2, and Python 3.12 was declared",)
