"""A build's context: a folder with all that the Dockerfile reads, and nothing else of this machine."""

import io
import shutil
import tarfile
from pathlib import Path

from flyte._image_layers import dockerignore_of, files_below
from flyte._images.dockerfile import Dockerfile, dockerfile_of
from flyte._images.places import MANIFEST_FOLDER, SDK_FOLDER, context_names
from flyte._images.sdk_wheel import sdk_wheel
from flyte._images.wanted import Wanted
from flyte_schemas.image import MANIFEST_PLACE, manifest_of

DOCKERFILE = "Dockerfile"


def write_context(folder: Path, wanted: Wanted) -> Dockerfile:
    """Fill `folder`; the Dockerfile, which is in it too. Raises ImageBuildError and FileNotFoundError."""
    dockerfile = dockerfile_of(wanted.spec)
    wanted.image.validate()
    (folder / DOCKERFILE).write_text(dockerfile.text)
    _ours(folder, wanted)
    ignored = dockerignore_of(wanted.image._layers)
    for index, (layer, word) in enumerate(zip(wanted.image._layers, wanted.spec.layers, strict=True)):
        names = context_names(index, word)
        if layer.kind == "code-bundle":
            if names and wanted.code is not None:
                with tarfile.open(fileobj=io.BytesIO(wanted.code.data), mode="r:gz") as archive:
                    archive.extractall(folder / names[0], filter="data")
            continue
        files = layer.present_files() if word.files else ()
        for name, file in zip(names, files, strict=True):
            _copy(file, folder / name, ignored)
    return dockerfile


def _ours(folder: Path, wanted: Wanted) -> None:
    for name in (SDK_FOLDER, MANIFEST_FOLDER):
        (folder / name).mkdir(parents=True)
    if wanted.spec.sdk:
        name, data = sdk_wheel()
        (folder / SDK_FOLDER / name).write_bytes(data)
    manifest = folder / MANIFEST_FOLDER
    (manifest / "manifest.json").write_text(manifest_of(wanted.spec).model_dump_json())
    program = Path(__file__).with_name("write_manifest.py").read_text()
    (manifest / "manifest.py").write_text(program.replace("sys.argv[1]", repr(MANIFEST_PLACE)))


def _copy(source: Path, target: Path, ignored: tuple[str, ...]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copy(source, target)
        return
    target.mkdir()
    for file in files_below(source, ignored):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
