"""Files and folders of this machine, put into the stack's artifact store for tasks to read."""

import os
from pathlib import Path

from flyte._client.trouble import translated
from flyte._runtime.transfer import Artifacts
from flyte._syncify import Syncified
from flyte.io._folders import upload
from flyte.io._threads import aside

LocalPath = str | os.PathLike[str]


async def _upload_file(
    fp: LocalPath, verify: bool = True, fname: str | None = None, content_type: str | None = None
) -> tuple[str, str]:
    """Store a file; its MD5 as hex digits, and its URI, for `flyte.io.File.from_existing_remote`.

    A content that is there already is not sent again. `verify` changes nothing: what arrives is always
    compared with its MD5. Raises FileNotFoundError, NotImplementedError for a `content_type`, and the errors
    of the SDK.
    """
    if content_type is not None:
        raise NotImplementedError("upload_file(content_type=…) is not supported: objects have no types here")
    with translated():
        stored = await _artifacts().put_file(Path(fp), fname)
    return stored.md5, stored.uri


async def _upload_dir(dir_path: LocalPath, verify: bool = True, prefix: str | None = None) -> str:
    """Store the files of a folder and of those below it; its URI, for `flyte.io.Dir.from_existing_remote`.

    With a `prefix`, the files are found below it. Raises NotADirectoryError, the SDK's errors.
    """
    with translated():
        return await aside(upload, Path(dir_path), prefix or "")


def _artifacts() -> Artifacts:
    from flyte._store import artifacts

    return artifacts()


upload_file = Syncified(_upload_file)
upload_dir = Syncified(_upload_dir)
