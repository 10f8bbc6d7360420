"""Bytes by their paths: copied, opened, streamed; and how to reach remote storage, as values.

Paths of this machine, `file://` and objects of the stack's artifact store work. Remote storage (s3://, gs://,
abfs://) is refused, with RuntimeUserError (`RemoteStorageNotSupported`), until the stack keeps data there.
"""

from flyte.storage._configs import ABFS, GCS, S3, Storage
from flyte.storage._files import (
    exists,
    exists_sync,
    get,
    get_random_local_directory,
    get_random_local_path,
    get_stream,
    is_remote,
    join,
    open,
    put,
    put_stream,
)

__all__ = [
    "ABFS",
    "GCS",
    "S3",
    "Storage",
    "exists",
    "exists_sync",
    "get",
    "get_random_local_directory",
    "get_random_local_path",
    "get_stream",
    "is_remote",
    "join",
    "open",
    "put",
    "put_stream",
]
