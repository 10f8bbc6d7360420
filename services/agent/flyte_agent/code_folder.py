"""The folder that user code runs in: the bundle is unpacked there once, before the first attempt in it.

Beside it, and not in it, lie the files of its secrets.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flyte_agent.bundle import Downloads, fetch, unpack
from flyte_agent.secrets import SecretFolder
from flyte_agent.settings import AgentSettings
from flyte_agent.work import work_folder
from flyte_schemas.task import BundleReference


class CodeFolder:
    """An empty folder for the code of one bundle."""

    def __init__(self, path: Path, settings: AgentSettings) -> None:
        self.path = path
        self.secrets = SecretFolder(settings)
        self._settings = settings
        self._is_full = False
        self._filling = asyncio.Lock()

    async def fill(self, bundle: BundleReference | None, artifacts: Downloads) -> None:
        """See that the code is there; without a bundle it is in the image. Raises as `fetch` and `unpack`."""
        if bundle is None or self._is_full:
            return
        async with self._filling:
            if not self._is_full:
                archive = await fetch(bundle, artifacts, self._settings)
                await asyncio.to_thread(unpack, archive, self.path, self._settings)
                self._is_full = True


@contextmanager
def code_folder(settings: AgentSettings) -> Iterator[CodeFolder]:
    """An empty one that exists within the block, as the secrets beside it do."""
    with work_folder(settings.work) as path:
        folder = CodeFolder(path, settings)
        try:
            yield folder
        finally:
            folder.secrets.remove()
