"""Every bound that the SDK keeps, with its unit."""

MAX_MESSAGE_CHARACTERS = 16_000
"""Of a failure's message; an event holds 1 MB and a failure is one field of it."""

MAX_TRACEBACK_CHARACTERS = 32_000

MAX_BUNDLE_BYTES = 100 * 1024 * 1024
"""Of a packed code bundle; data belongs to the artifact store, not beside the code."""

MAX_BUNDLE_FILES = 20_000

REHEARSAL_LIMIT_S = 60.0
"""How long the import of a bundle in a clean interpreter may take before nothing is concluded from it."""

MAX_REMEMBERED_REHEARSALS = 1000
"""Marks of rehearsals that went well; each is an empty file."""

MAX_DESCRIPTION_CHARACTERS = 255

LOCAL_RETRY_DELAY_S = 0.5
"""Before the second attempt of a local run; doubles with each further one."""

LOCAL_RETRY_DELAY_CAP_S = 30.0

PATIENCE_S = 60.0
"""How long a client waits for a bus that is away before a command fails."""

DEPLOY_PATIENCE_S = 300.0
"""How long a client waits for the registry's verdict on a deployment."""

SIGNAL_PATIENCE_S = 15.0
"""How long who answers a condition waits for the executor to take the answer, which is in the log by then."""

TRIGGER_PATIENCE_S = 15.0
"""How long who changes a trigger waits for the scheduler to take the request, which is in the log by then."""

QUIET_WAIT_S = 3.0
"""How long a client waits without an answer before it says what it waits for."""

LOGS_PATIENCE_S = 15.0
"""How long after the end of a run a client waits for log bytes that the terminal facts announced."""

TRANSFERS_AT_A_TIME = 8
"""Of the files of one folder, up or down."""

PACKED_FILE_BYTES = 1024 * 1024
"""A file of a folder that is smaller lies together with others in one object."""

PACK_BYTES = 8 * 1024 * 1024
"""How much of small files one object holds; as much is in memory for each transfer at a time."""

REMEMBERED_FOLDERS = 64
"""How many lists of a folder's files a process keeps in memory."""

READ_RANGE_BYTES = 512 * 1024
"""What a reader of an object asks for first, and after a jump; while it goes straight on, four times as much.
"""

READ_RANGE_LIMIT_BYTES = 8 * 1024 * 1024
"""The most that it asks for at a time, and so holds in memory."""

TABLE_PART_ROWS = 65_536
"""Of a table that is read in parts."""

LOCAL_SYNC_CHILDREN = 64
"""Of one parent in a local run: how many sync children have a thread at a time."""

MAX_INLINE_IO_BYTES = 10 * 1024 * 1024
"""Of the JSON of a call's inputs, or of its outputs, unless the task says otherwise; more data is a file."""

LOCAL_LOOK_UP_S = 0.2
"""How often who waits at a terminal looks whether the answer is still wanted."""

LOCAL_SYSTEM_FAILURES = 4
"""Of one action of a local run: attempts in a row that may fail by the platform's doing, as on the stack."""
