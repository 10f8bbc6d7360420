"""Files, folders and tables as values of tasks: `File`, `Dir`, `DataFrame`.

They hold where the data is, not the data. In this version that is a path: everything works in local mode and
on a stack whose tasks share the client's file system.
"""

from flyte.io._dir import Dir, EmptyDir
from flyte.io._file import File
from flyte.io._frame import PARQUET, DataFrame
from flyte.io._hash import HashFunction

__all__ = ["PARQUET", "DataFrame", "Dir", "EmptyDir", "File", "HashFunction"]
