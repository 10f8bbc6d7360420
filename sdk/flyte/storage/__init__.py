"""Bytes by their paths or URIs: copied, opened, streamed; and how to reach remote storage, as values.

Paths of this machine, `file://`, objects of the stack's artifact store, and whatever fsspec reaches (`s3://`,
`gs://`, `abfs://` with the packages of the extra of that name).
"""

from flyte.storage._configs import ABFS, GCS, S3, Storage
from flyte.storage._files import (
    exists,
    exists_sync,
    get,
    get_configured_fsspec_kwargs,
    get_random_local_directory,
    get_random_local_path,
    get_stream,
    get_underlying_filesystem,
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
    "get_configured_fsspec_kwargs",
    "get_random_local_directory",
    "get_random_local_path",
    "get_stream",
    "get_underlying_filesystem",
    "is_remote",
    "join",
    "open",
    "put",
    "put_stream",
]
