"""Files, folders and tables as values of tasks: `File`, `Dir`, `DataFrame`.

They hold where the data is, not the data: on this machine, in the stack's artifact store, or in storage that
fsspec reaches (`s3://` …). What is on this machine is put into the artifact store when it is given to a run
on the stack, or returned by a task there.
"""

from flyte.io._dir import Dir, EmptyDir
from flyte.io._file import File
from flyte.io._frame import PARQUET, DataFrame
from flyte.io._hash import HashFunction

__all__ = ["PARQUET", "DataFrame", "Dir", "EmptyDir", "File", "HashFunction"]
