"""The checkpoint of an attempt on the stack: an object of the artifact store, and a fact of its action.

A folder is one object too, a tar archive, so that a checkpoint is whole or not there.
"""

import asyncio
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from flyte._checkpoint import BYTES_NAME, Checkpoint, checked, remove
from flyte._runtime.messages import Start
from flyte._runtime.transfer import ArtifactError, Artifacts
from flyte.errors import RuntimeSystemError
from flyte_schemas.events import AttemptCheckpointed

if TYPE_CHECKING:
    from flyte._runtime.remote_controller import RemoteController

_FOLDER = ".flyte-checkpoint"
"""In the folder of the attempt, which goes with it."""


class RemoteCheckpoint(Checkpoint):
    """Saves and loads over signed addresses, which the agent asks for.

    `remote_destination` is empty until something was saved. `load` and `save` raise RuntimeSystemError when
    the store cannot be reached.
    """

    def __init__(self, controller: "RemoteController", start: Start) -> None:
        earlier = start.checkpoint
        super().__init__("", earlier.uri if earlier else None)
        self._controller = controller
        self._attempt = start.attempt
        self._root = Path(start.root)
        self._earlier = earlier

    @property
    def path(self) -> Path:
        folder = self._root / _FOLDER
        folder.mkdir(exist_ok=True)
        return folder

    def prev_exists(self) -> bool:
        return self._earlier is not None

    async def load(self) -> Path | None:
        earlier = self._earlier
        if earlier is None:
            return None
        target = self.path / earlier.name
        fetched = self.path / ".fetched"
        try:
            await self._store().get_to_file(earlier.uri, earlier.sha256, earlier.size_bytes, fetched)
        except ArtifactError as error:
            raise RuntimeSystemError(error.code, f"the checkpoint cannot be loaded: {error}") from error
        await asyncio.to_thread(_unpack if earlier.is_folder else _move, fetched, target)
        return target

    async def save(self, data: bytes | str | Path) -> None:
        what, store = checked(data), self._store()
        name = BYTES_NAME if isinstance(what, bytes) else what.resolve().name or BYTES_NAME
        packed = self.path / ".packed"
        try:
            if isinstance(what, bytes):
                stored = await store.put(what, name)
            elif what.is_dir():
                await asyncio.to_thread(_pack, what, packed)
                stored = await store.put_file(packed, f"{name}.tar")
            else:
                stored = await store.put_file(what, name)
        except ArtifactError as error:
            raise RuntimeSystemError(error.code, f"the checkpoint cannot be saved: {error}") from error
        finally:
            packed.unlink(missing_ok=True)
        await self._controller.checkpointed(
            AttemptCheckpointed(
                attempt=self._attempt,
                uri=stored.uri,
                sha256=stored.sha256,
                size_bytes=stored.size_bytes,
                name=name,
                is_folder=not isinstance(what, bytes) and what.is_dir(),
            )
        )
        self._dest = stored.uri

    def _store(self) -> Artifacts:
        return Artifacts(self._controller.locate, *self._controller.place)


def _pack(folder: Path, archive: Path) -> None:
    """The content of a folder as a tar archive; what lies in it of earlier packing is left out."""
    with tarfile.open(archive, "w") as tar:
        for path in sorted(folder.iterdir()):
            if path != archive:
                tar.add(path, path.name)


def _unpack(archive: Path, folder: Path) -> None:
    remove(folder)
    folder.mkdir()
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="tar")
    archive.unlink()


def _move(fetched: Path, target: Path) -> None:
    remove(target)
    fetched.rename(target)
