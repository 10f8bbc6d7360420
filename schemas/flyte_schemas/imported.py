"""What an import writes beside the words that it brings: whose log they are, and that a task came with them.

Both keep a stack from taking the past of another for its own present: no executor goes on with a run that was
imported, and a task version that came with it is the latest of nobody.
"""

from typing import ClassVar

from flyte_schemas.events import EventData
from flyte_schemas.task import TaskTemplate
from flyte_schemas.words import Moment, Sha256, Version


class RunImported(EventData):
    """What follows happened elsewhere: the first word on the root action of a run that was imported.

    `origin` (project/domain/run) is how it was called there, `digest` the last hash of the file.
    """

    TYPE: ClassVar[str] = "flyte.run.imported.v1"
    origin: str
    digest: Sha256
    exported_at: Moment
    imported_by: str = ""


class TaskImported(EventData):
    """A version of a task that came with a run: it can be looked at, and run by its version.

    It is no deployment: it is the latest version only where nothing was deployed, and its triggers are idle.
    """

    TYPE: ClassVar[str] = "flyte.task.imported.v1"
    version: Version
    digest: Sha256
    template: TaskTemplate
