"""What a deployment would put into the registry, computed before anything is sent.

A plan needs no server: it is what `--dryrun` shows, and what the client then makes true. All tasks of one
deployment share a version, so that tasks which call each other find each other.
"""

import re
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flyte import errors
from flyte._bundle import Bundle, make_bundle
from flyte._environment import Environment
from flyte._image import Image
from flyte._images.wanted import Wanted
from flyte._layout import Layout, layout_of
from flyte._selection import Include, check_copy_style
from flyte._task import Task
from flyte._template import template_of
from flyte_schemas.image import FileReference
from flyte_schemas.task import BundleReference, Source, TaskReference, TaskTemplate, version_of

_VERSION = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The environments of a deployment, their tasks as templates, the version they share, and the code.

    `bundle` is None when the code is in the image (copy style `none`). `unchanged` says that all of it was
    there when it was deployed.
    """

    environments: tuple[Environment, ...]
    templates: tuple[TaskTemplate, ...]
    version: str
    version_is_given: bool
    layout: Layout
    bundle: Bundle | None
    unchanged: bool = False
    images: tuple[Wanted, ...] = ()
    """The images that would have to be built, where they are run."""

    def reference(self, task: str) -> TaskReference:
        """The task of this full name, in the plan's version."""
        return TaskReference(name=task, version=self.version)

    def stored_at(self, uri: str) -> "Plan":
        """The same plan with its bundle at `uri`; a computed version follows the content."""
        reference = bundle_reference(self.bundle, uri) if self.bundle else None
        templates = tuple(template.model_copy(update={"bundle": reference}) for template in self.templates)
        version = self.version if self.version_is_given else version_of(templates)
        return replace(self, templates=templates, version=version)

    def describe(self) -> str:
        """The plan for people: version, tasks with their signatures, files with their sizes."""
        lines = [f"version  {self.version}", f"root     {self.layout.root}", ""]
        for environment in self.environments:
            own = [template for template in self.templates if template.environment == environment.name]
            image = own[0].image if own else str(environment.image)
            lines.append(f"environment {environment.name}  (image {image})")
            lines += [f"  {template.name}{signature(template)}" for template in own]
        return "\n".join([*lines, "", *_bundle_lines(self.bundle)])


def make_plan(
    environments: Sequence[Environment],
    *,
    project: str,
    domain: str,
    version: str | None = None,
    copy_style: str = "loaded_modules",
    root_dir: Path | None = None,
    sync_sys_paths: bool = True,
    images: Mapping[str, str] = MappingProxyType({}),
    registry: str = "",
) -> Plan:
    """Plan the deployment of `environments` and of all that they depend on.

    `sync_sys_paths` puts what stands on `sys.path` here, below the root, onto that of the tasks. `images`
    gives URIs for named images, and as "default" for the environments that name none; `registry` is that of
    images which are built and name none. Raises
    ValueError for two environments of one name, a bad version or copy style, CodeBundleError when the source
    cannot be packed, DeploymentError when there is nothing to deploy or the version is missing, TypeError
    for a signature that cannot be carried.
    """
    if check_copy_style(copy_style) == "none" and version is None:
        raise errors.DeploymentError(
            "copy_style='none' needs a version: there is no code to compute one from (--version, version=…)"
        )
    if version is not None and not re.fullmatch(_VERSION, version):
        raise ValueError(
            f"version {version!r} is not allowed: use letters, digits and . _ + -, a letter or digit first"
        )
    closed = closure(environments)
    tasks = [task for environment in closed for task in environment.tasks.values()]
    if not tasks:
        raise errors.DeploymentError(
            f"environment {closed[0].name!r} has no tasks: decorate a function with @env.task"
        )
    for task in tasks:
        _check_source(task)
    layout = layout_of((task.source_file for task in tasks), root_dir, sync_sys_paths=sync_sys_paths)
    bundle = _bundle(closed, tasks, layout, copy_style)
    templates, built = [], []
    for task in tasks:
        template, wanted = _built(_template(task, layout, copy_style), task, layout, copy_style, registry)
        templates.append(_with_image(template, images))
        built += [wanted] if wanted and wanted.uri == templates[-1].image else []
    plan = Plan(
        environments=closed,
        templates=tuple(templates),
        version=version or "",
        version_is_given=version is not None,
        layout=layout,
        bundle=bundle,
        images=tuple({one.uri: one for one in built}.values()),
    )
    return plan.stored_at(f"flyte://artifacts/{project}/{domain}/{bundle.md5}" if bundle else "")


def closure(environments: Sequence[Environment]) -> tuple[Environment, ...]:
    """The environments and all they depend on, breadth first; cycles are fine.

    Raises ValueError when two different ones have the same name.
    """
    found: dict[str, Environment] = {}
    waiting = deque(environments)
    while waiting:
        environment = waiting.popleft()
        if not isinstance(environment, Environment):
            raise TypeError(f"only environments can be deployed, not {environment!r}")
        there = found.setdefault(environment.name, environment)
        if there is not environment:
            raise ValueError(_doubled(there, environment))
        waiting.extend(item for item in environment.depends_on if found.get(item.name) is not item)
    return tuple(found.values())


def _with_image(template: TaskTemplate, images: Mapping[str, str]) -> TaskTemplate:
    """The template with the URI for the image that it names; for the default one, when it names none."""
    spec = template.image_spec
    name = spec.reference if spec is not None else "default" if template.image == "auto" else None
    uri = images.get(name) if name else None
    return template if uri is None else template.model_copy(update={"image": uri})


def _built(
    template: TaskTemplate, task: Task[..., Any], layout: Layout, copy_style: str, registry: str
) -> tuple[TaskTemplate, Wanted | None]:
    """The template with the address of its image once that is built, and the image; None for one that is
    not built. With copy style `none` the code that the image asks for is in it.
    """
    image, spec, code = task.image, template.image_spec, None
    if not isinstance(image, Image) or spec is None:
        return template, None
    styles = [layer.arguments[0] for layer in spec.layers if layer.kind == "code-bundle"]
    if styles and copy_style == "none":
        code = make_bundle(layout, {task.source_file}, styles[0])
        spec = image.spec(FileReference(path="code", sha256=code.sha256))
    uri = image.address(spec, registry)
    template = template.model_copy(update={"image": uri, "image_spec": spec})
    wanted = Wanted(uri=uri, image=image, spec=spec, code=code) if spec.is_built_as(uri) else None
    return template, wanted


def _bundle(
    environments: Sequence[Environment], tasks: Sequence[Task[..., Any]], layout: Layout, copy_style: str
) -> Bundle | None:
    includes = [
        Include(environment=one.name, declared_in=one.declared_in, patterns=tuple(one.include))
        for one in environments
        if one.include and one.declared_in is not None
    ]
    if copy_style == "none" and not includes:
        return None
    return make_bundle(layout, {task.source_file for task in tasks}, copy_style, includes)


def _bundle_lines(bundle: Bundle | None) -> list[str]:
    if bundle is None:
        return ["no bundle: the code is expected in the image"]
    size, packed = bundle.unpacked_bytes, len(bundle.data)
    return [
        f"bundle   {len(bundle.files)} files, {size} bytes ({packed} packed)",
        *(f"  {file.path}  {file.size_bytes}" for file in bundle.files),
        f"  sha256 {bundle.sha256}",
    ]


def bundle_reference(bundle: Bundle, uri: str) -> BundleReference:
    return BundleReference(
        uri=uri,
        sha256=bundle.sha256,
        md5=bundle.md5,
        size_bytes=len(bundle.data),
        files=len(bundle.files),
    )


def signature(template: TaskTemplate) -> str:
    """`(x: int, y: str = "a") -> str`, from the template alone."""
    inputs = ", ".join(
        f"{item.name}: {item.annotation}" + ("" if item.required else f" = {item.default!r}")
        for item in template.interface.inputs
    )
    outputs = [item.annotation for item in template.interface.outputs]
    returned = "None" if not outputs else outputs[0] if len(outputs) == 1 else f"({', '.join(outputs)})"
    return f"({inputs}) -> {returned}"


def _template(task: Task[..., Any], layout: Layout, copy_style: str) -> TaskTemplate:
    """The template of a task; when its code is in the image, its module has the name that Python knows."""
    module, name = layout.module_name(task.source_file), task.func.__module__
    source = Source(
        module=name if copy_style == "none" and name != "__main__" else module,
        function=task.func.__name__,
        file=layout.relative(task.source_file),
        line=task.source_line,
        import_paths=layout.import_paths_for(task.source_file),
    )
    return template_of(task, source)


def _check_source(task: Task[..., Any]) -> None:
    if task.source_file.is_file() and task.source_file.suffix == ".py":
        return
    where = getattr(sys.modules.get("__main__"), "__file__", None) or "an interactive session"
    raise errors.CodeBundleError(
        f"task {task.name} is not declared in a Python file (but in {where}), so the stack cannot fetch it: "
        "write it to a file, or run it with mode='local'"
    )


def _doubled(one: Environment, other: Environment) -> str:
    places = [
        f"{task.func.__module__} ({task.source_file})"
        for environment in (one, other)
        for task in list(environment.tasks.values())[:1]
    ]
    sentence = f"two environments are named {one.name!r}"
    if len(places) == 2 and places[0].partition(" ")[2] == places[1].partition(" ")[2]:
        return f"{sentence}: the same file was imported as {places[0]} and as {places[1]}"
    return f"{sentence}: names must be unique in a deployment" + (f" ({', '.join(places)})" if places else "")
