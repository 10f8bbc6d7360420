"""Container images as values: a base and layers, said in Python and built somewhere else.

An image is immutable; each `with_…` gives a new one with a layer more. Its files are looked at only when it
is deployed, so that a module which declares an image also imports where those files are not.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from flyte._image_layers import (
    File,
    Layer,
    checked_name,
    checked_python,
    checked_uri,
    dockerignore_of,
    packages_options,
    platforms,
    sdk_of,
    secret_name,
    texts,
)

if TYPE_CHECKING:
    from flyte_schemas.image import FileReference, ImageSpec

Platform = Literal["linux/amd64", "linux/arm64"]
InstallMode = Literal["dependencies_only", "install_project"]
PathLike = str | Path

DEFAULT_NAME = "flyte"
_OURS: Final = object()


@dataclass(frozen=True, slots=True, init=False)
class Image:
    """A container image: `Image.from_debian_base().with_apt_packages("git")`; begin with a `from_…`.

    Calling the class itself raises TypeError.
    """

    base_image: str | None
    dockerfile: Path | None
    registry: str | None
    name: str | None
    platform: tuple[str, ...]
    python_version: tuple[int, int]
    extendable: bool
    _reference: str | None
    _layers: tuple[Layer, ...]
    _registry_secret: str | None
    _takes_sdk: bool

    def __init__(self, *, _made_by: object = None, **fields: Any) -> None:
        if _made_by is not _OURS:
            raise TypeError("begin an image with Image.from_debian_base(), Image.from_base(uri), …")
        defaults: dict[str, Any] = {
            "base_image": None,
            "dockerfile": None,
            "registry": None,
            "name": None,
            "platform": ("linux/amd64",),
            "python_version": sys.version_info[:2],
            "extendable": False,
            "_reference": None,
            "_layers": (),
            "_registry_secret": None,
            "_takes_sdk": False,
        }
        for field, value in {**defaults, **fields}.items():
            object.__setattr__(self, field, value)

    # -- where it begins ---------------------------------------------------------------------------------

    @classmethod
    def from_debian_base(
        cls,
        python_version: tuple[int, int] | None = None,
        flyte_version: str | None = None,
        install_flyte: bool = True,
        registry: str | None = None,
        registry_secret: Any = None,
        name: str | None = None,
        platform: Platform | Iterable[Platform] | None = None,
    ) -> "Image":
        """Debian with Python (of this interpreter's version, unless one is given) and with us."""
        version = checked_python(python_version or sys.version_info[:2])
        flyte = (Layer("flyte", (flyte_version or "",)),) if install_flyte else ()
        return _image(
            base_image=f"python:{version[0]}.{version[1]}-slim-bookworm",
            python_version=version,
            registry=registry,
            _registry_secret=secret_name(registry_secret),
            name=checked_name(name),
            platform=platforms(platform),
            extendable=True,
            _layers=flyte,
        )

    @classmethod
    def from_base(cls, image_uri: str) -> "Image":
        """This very image; to add to it, `clone(extendable=True, name=…)` it first."""
        return _image(base_image=checked_uri(image_uri), _takes_sdk=True)

    @classmethod
    def from_registry(cls, image_uri: str) -> "Image":
        """This image as a base to add to: `from_registry("pytorch/pytorch:2.0").with_pip_packages(…)`."""
        return _image(base_image=checked_uri(image_uri), extendable=True, _takes_sdk=True)

    @classmethod
    def from_ref_name(cls, name: str = "default") -> "Image":
        """The image that whoever deploys says stands for `name` (`--image name=uri`)."""
        return _image(_reference=checked_uri(name))

    @classmethod
    def from_dockerfile(
        cls,
        file: PathLike,
        registry: str,
        name: str,
        platform: Platform | Iterable[Platform] | None = None,
    ) -> "Image":
        """What this Dockerfile builds; it cannot be added to."""
        return _image(
            dockerfile=Path(file), registry=registry, name=checked_name(name), platform=platforms(platform)
        )

    @classmethod
    def from_uv_script(
        cls,
        script: PathLike,
        *,
        name: str,
        registry: str | None = None,
        registry_secret: Any = None,
        python_version: tuple[int, int] | None = None,
        index_url: str | None = None,
        extra_index_urls: str | Iterable[str] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        platform: Platform | Iterable[Platform] | None = None,
        secret_mounts: Any = None,
    ) -> "Image":
        """Debian with what the script says it needs in its header (PEP 723)."""
        begun = cls.from_debian_base(
            python_version, registry=registry, registry_secret=registry_secret, name=name, platform=platform
        )
        options = packages_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
        return begun._with(Layer("uv-script", options=options, files=(File(script),)))

    @classmethod
    def from_pixi_script(
        cls,
        script: PathLike,
        *,
        name: str,
        registry: str | None = None,
        registry_secret: Any = None,
        environment: str = "default",
        extra_args: str | None = None,
        platform: Platform | Iterable[Platform] | None = None,
        secret_mounts: Any = None,
    ) -> "Image":
        """Debian with what the script says it needs from conda in its header."""
        begun = cls.from_debian_base(
            registry=registry, registry_secret=registry_secret, name=name, platform=platform
        )
        options = packages_options(extra_args=extra_args, secret_mounts=secret_mounts)
        return begun._with(Layer("pixi-script", (environment,), options, (File(script),)))

    def clone(
        self,
        registry: str | None = None,
        registry_secret: Any = None,
        name: str | None = None,
        base_image: str | None = None,
        python_version: tuple[int, int] | None = None,
        addl_layer: Layer | None = None,
        extendable: bool | None = None,
        platform: Platform | Iterable[Platform] | None = None,
    ) -> "Image":
        """The same image, but for what is given. Raises ValueError for a layer onto one that takes none."""
        changes: dict[str, Any] = {
            "registry": registry,
            "_registry_secret": secret_name(registry_secret),
            "name": checked_name(name),
            "base_image": base_image,
            "python_version": None if python_version is None else checked_python(python_version),
            "extendable": extendable,
            "platform": None if platform is None else platforms(platform),
        }
        fields = {field: getattr(self, field) for field in self.__slots__}
        image = _image(**{**fields, **{key: value for key, value in changes.items() if value is not None}})
        return image if addl_layer is None else image._with(addl_layer)

    # -- layers ------------------------------------------------------------------------------------------

    def with_pip_packages(
        self,
        *packages: str,
        index_url: str | None = None,
        extra_index_urls: str | Iterable[str] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: Any = None,
    ) -> "Image":
        """These packages, as pip names them."""
        options = packages_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
        return self._with(Layer("pip", texts("packages", packages), options))

    def with_requirements(
        self,
        file: PathLike,
        index_url: str | None = None,
        extra_index_urls: str | Iterable[str] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: Any = None,
    ) -> "Image":
        """What a requirements file (`.txt`) lists. Raises ValueError for another kind of file."""
        if Path(file).suffix != ".txt":
            raise ValueError(f"a requirements file ends in .txt, not {Path(file).name!r}")
        options = packages_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
        return self._with(Layer("requirements", options=options, files=(File(file),)))

    def with_apt_packages(self, *packages: str, secret_mounts: Any = None) -> "Image":
        """These packages of Debian."""
        options = packages_options(secret_mounts=secret_mounts)
        return self._with(Layer("apt", texts("packages", packages), options))

    def with_commands(self, commands: Iterable[str], secret_mounts: Any = None) -> "Image":
        """What these shell commands leave behind."""
        if isinstance(commands, str):
            raise TypeError("commands is a list of strings, not one string")
        options = packages_options(secret_mounts=secret_mounts)
        return self._with(Layer("commands", texts("commands", tuple(commands)), options))

    def with_env_vars(self, env_vars: Mapping[str, str]) -> "Image":
        """These environment variables."""
        pairs = dict(env_vars)
        texts("env_vars", (*pairs, *pairs.values()))
        return self._with(Layer("env", options=pairs))

    def with_workdir(self, workdir: str) -> "Image":
        """This working folder."""
        return self._with(Layer("workdir", texts("workdir", (workdir,))))

    def with_source_file(self, src: PathLike, dst: str = ".") -> "Image":
        """A copy of this file."""
        return self._with(Layer("source-file", (str(dst),), files=(File(src),)))

    def with_source_folder(self, src: PathLike, dst: str = ".", copy_contents_only: bool = False) -> "Image":
        """A copy of this folder, or of what is in it."""
        options = {"copy_contents_only": True} if copy_contents_only else {}
        return self._with(Layer("source-folder", (str(dst),), options, (File(src),)))

    def with_code_bundle(self, copy_style: str = "loaded_modules", dst: str = ".") -> "Image":
        """The source itself; nothing, unless it is deployed with copy style `none`."""
        if copy_style not in ("loaded_modules", "all"):
            raise ValueError(f"copy_style is 'loaded_modules' or 'all', not {copy_style!r}")
        return self._with(Layer("code-bundle", (copy_style, str(dst))))

    def with_dockerignore(self, path: PathLike) -> "Image":
        """What this file names stays out of source folders."""
        return self._with(Layer("dockerignore", files=(File(path),)))

    def with_uv_project(
        self,
        pyproject_file: PathLike,
        uvlock: PathLike | None = None,
        index_url: str | None = None,
        extra_index_urls: str | Iterable[str] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: Any = None,
        project_install_mode: InstallMode = "dependencies_only",
    ) -> "Image":
        """What this project of uv depends on; and the project itself with `install_project`."""
        options = packages_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
        lock = uvlock or Path(pyproject_file).parent / "uv.lock"
        return self._with_project("uv-project", (pyproject_file, lock), options, project_install_mode)

    def with_poetry_project(
        self,
        pyproject_file: PathLike,
        poetry_lock: PathLike | None = None,
        extra_args: str | None = None,
        secret_mounts: Any = None,
        project_install_mode: InstallMode = "dependencies_only",
    ) -> "Image":
        """What this project of Poetry depends on; and the project itself with `install_project`."""
        options = packages_options(extra_args=extra_args, secret_mounts=secret_mounts)
        lock = poetry_lock or Path(pyproject_file).parent / "poetry.lock"
        return self._with_project("poetry-project", (pyproject_file, lock), options, project_install_mode)

    def with_pixi_project(
        self,
        manifest_file: PathLike,
        pixi_lock: PathLike | None = None,
        environment: str = "default",
        extra_args: str | None = None,
        secret_mounts: Any = None,
        project_install_mode: InstallMode = "dependencies_only",
    ) -> "Image":
        """What an environment of this project of pixi has; and the project itself with `install_project`."""
        options = packages_options(extra_args=extra_args, secret_mounts=secret_mounts)
        options["environment"] = environment
        lock = pixi_lock or Path(manifest_file).parent / "pixi.lock"
        return self._with_project("pixi-project", (manifest_file, lock), options, project_install_mode)

    def with_local_v2(self) -> "Image":
        """This very version of us, from the source on this machine."""
        return self._with(Layer("flyte", ("local",)))

    # -- what it is --------------------------------------------------------------------------------------

    @property
    def uri(self) -> str:
        """Where the image is, or will be: `registry/name:tag`, the tag being a hash of what is in it."""
        return self.address(self.spec())

    def address(self, spec: "ImageSpec", default_registry: str = "") -> str:
        """The `uri`, from the `spec` that was made before; a registry for what names none may be given."""
        if self._reference is not None:
            return self._reference
        if self.base_image is not None and not self._layers and not self._is_named:
            return self.base_image
        return spec.address(default_registry)

    def spec(self, code: "FileReference | None" = None) -> "ImageSpec":
        """What the image is made of, as a word on the wire; files are read now. `code` is to be in it."""
        from flyte._image_dockerfile import dockerfile_reference
        from flyte_schemas.image import ImageSpec

        ignored = dockerignore_of(self._layers)
        return ImageSpec(
            base=self.base_image,
            reference=self._reference,
            dockerfile=None if self.dockerfile is None else dockerfile_reference(self.dockerfile),
            registry=self.registry,
            registry_secret=self._registry_secret,
            name=self.name or DEFAULT_NAME,
            platform=self.platform,
            python_version=None if self.dockerfile else ".".join(map(str, self.python_version)),
            layers=tuple(layer.to_wire(ignored, code) for layer in self._layers),
            sdk=sdk_of(self._layers, self._takes_sdk and bool(self._layers or self._is_named)),
        )

    def validate(self) -> None:
        """Raises FileNotFoundError when a file that the image reads is not there."""
        files = [file for layer in self._layers for file in layer.files if not file.is_optional]
        for path in (*(file.path for file in files), *((self.dockerfile,) if self.dockerfile else ())):
            if not path.exists():
                raise FileNotFoundError(
                    f"the image {self.name or DEFAULT_NAME!r} reads {path}, which is not there"
                )

    def __str__(self) -> str:
        return self.uri

    @property
    def _is_named(self) -> bool:
        return self.extendable and bool(self.registry or self.name)

    def _with(self, layer: Layer) -> "Image":
        if not self.extendable:
            raise ValueError(
                "Cannot add additional layers to a non-extendable image: "
                "clone it first, with clone(extendable=True, name=…)"
            )
        fields = {field: getattr(self, field) for field in self.__slots__}
        return _image(**{**fields, "_layers": (*self._layers, layer)})

    def _with_project(
        self,
        kind: Literal["uv-project", "poetry-project", "pixi-project"],
        files: tuple[PathLike, PathLike],
        options: dict[str, Any],
        mode: str,
    ) -> "Image":
        if mode not in ("dependencies_only", "install_project"):
            raise ValueError(
                f"project_install_mode is 'dependencies_only' or 'install_project', not {mode!r}"
            )
        project, lock = files
        read = (File(project), replace(File(lock), is_optional=True))
        if mode == "install_project":
            read = (*read, File(Path(project).parent))  # type: ignore[assignment]
        return self._with(Layer(kind, (mode,), options, read))


def _image(**fields: Any) -> Image:
    return Image(_made_by=_OURS, **fields)
