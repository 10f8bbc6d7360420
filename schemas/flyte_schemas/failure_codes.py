"""Every code of the platform's own that a failure can carry: what it means, what to do, how it is retried.

A failure's code is stable: programs test it, and `docs/failures/CODE.md` has a page for it. A code that is
not here is the name of the exception that a task raised, or one that the task chose. A test holds this list
against the code that writes failures, and against the pages.
"""

from flyte_schemas.failure_code import PAGES as PAGES
from flyte_schemas.failure_code import FailureCode as FailureCode
from flyte_schemas.failure_code import Retried as Retried
from flyte_schemas.failure_code import system_code as _system
from flyte_schemas.failure_code import user_code as _user
from flyte_schemas.limits import LIMIT_CODES

MAX_SYSTEM_FAILURES = "MaxSystemFailuresExceeded"
"""Of an action of which the platform lost too many attempts in a row."""
OUT_OF_MEMORY = "OOMKilled"
"""Of an attempt whose process the kernel killed for its memory."""
SHARED_PROCESS_ENDED = "SharedProcessEnded"
"""Of an attempt whose process ended while others ran in it too."""
PROCESS_ENDINGS = frozenset(
    {
        OUT_OF_MEMORY,
        SHARED_PROCESS_ENDED,
        "SegmentationFault",
        "ProcessAborted",
        "Killed",
        "ProcessKilled",
        "ProcessExited",
    }
)
"""The codes of attempts that took their process with them, or may have."""
MODULE_MISSING = "ModuleNotFoundError"
"""Of a module that is not there, when the task's module is imported or later."""
ARTIFACT_NOT_FOUND = "ArtifactNotFound"
"""Of a question about an object that the artifact store does not have."""


def find_code(code: str) -> FailureCode | None:
    """The entry of a code; of `A|B`, of the first part that has one. None for the user's own codes."""
    return next((BY_CODE[part] for part in (code, *code.split("|")) if part in BY_CODE), None)


_NEVER, _BY_YOU = Retried.NEVER, Retried.BY_YOU

FAILURE_CODES = (
    # -- how a task's process ended ------------------------------------------------------------------------
    _user(
        OUT_OF_MEMORY,
        "the kernel killed the task's process because memory had run out",
        "let the task hold less at a time, run fewer tasks beside it, or give it more memory",
    ),
    _user(
        "MemoryError",
        "Python could not get the memory that the task asked for",
        "let the task hold less at a time, or raise the limit that its process has",
    ),
    _user(
        "SegmentationFault",
        "the task's process crashed with a segmentation fault, in native code",
        "look at the last lines of its log, and run the task with PYTHONFAULTHANDLER=1 to see where it was",
    ),
    _user(
        "ProcessAborted",
        "the task's process aborted itself (SIGABRT), as native libraries do when an assertion fails",
        "look at the last lines of its log: the library that gave up says why on standard error",
    ),
    _user(
        "Killed",
        "somebody killed the task's process with SIGKILL while memory was left",
        "find out who did: a person, a service manager, or a tool that watches processes",
    ),
    _user(
        "ProcessKilled",
        "a signal ended the task's process",
        "find out who sent the signal; the task itself may have",
    ),
    _user(
        "ProcessExited",
        "the task's process ended by itself before the task returned, as os._exit does",
        "return from the task, or raise, instead of ending the process",
    ),
    _user(
        "SystemExit",
        "the task called sys.exit",
        "return from the task, or raise an error that says what went wrong",
    ),
    # -- before the task's function was entered ------------------------------------------------------------
    _user(
        MODULE_MISSING,
        "the task's code imports a module that is not there where it runs",
        "install its package into the Python that runs the executor; a file of your own goes into the bundle",
    ),
    _user(
        "ModuleLoadError",
        "the task's module does not import, or does not declare the task",
        "import the file in a fresh interpreter, as the task's process does, and mend what it says",
        _NEVER,
    ),
    _user(
        "BundleRefused",
        "the code bundle holds something that is not unpacked: a path outside of it, a link, or too much",
        "deploy again, without links and large files in the source folder",
        _NEVER,
    ),
    _user(
        "ImageMismatch",
        "the image that the attempt was started in is not as the task declares it",
        "build it again with `flyte build --force FILE ENV_VAR`, or deploy the task again",
        _NEVER,
    ),
    _user(
        "TaskNotFound",
        "an action was asked for of a task version that is not deployed",
        "name the called task's environment in the caller's depends_on, and deploy again",
        _NEVER,
    ),
    _system(
        "MachineNotFit",
        "the machine could not prepare the attempt: a full disk, a missing permission, too many open files",
        "look at the message, and at the disk and the limits of the machine that runs the executor",
    ),
    _user(
        "SecretMissing",
        "a secret that the task declares is in none of the scopes that its run sees",
        "create it with the command that `flyte explain RUN` names, or mend the task's secrets",
        _NEVER,
    ),
    _user(
        "SecretUnusable",
        "a secret is there, and cannot be the variable or the file that the task wants it to be",
        "look at the message: mend the task's secrets, or the value",
        _NEVER,
    ),
    _system(
        "SecretsNotGiven",
        "the agent was not given its task's secrets: no executor answered, or its store was not readable",
        "look at the executor's log: its file of secrets, the key beside it, or the cluster's API server",
    ),
    # -- in a cluster: before the task's process, and around it -------------------------------------------
    _user(
        "ImageNotPulled",
        "the cluster could not pull the image of the task's pod",
        "look at its name, whether it was pushed, and whether the cluster may pull it (registry_secret)",
        _NEVER,
    ),
    _user(
        "ContainerNotStarted",
        "a container of the task's pod was not started: a Secret, a volume or its command is missing",
        "make what the message names, or mend the task's secrets and pod template",
        _NEVER,
    ),
    _user(
        "InitContainerFailed",
        "an init container of the task's pod template failed",
        "look at its output with `kubectl logs POD -c CONTAINER`, and mend it in the pod template",
    ),
    _user(
        "PodRefused",
        "the cluster refused the pod: it is invalid, a policy forbids it, or the executor may not make it",
        "mend what the message says: the task's resources or pod template, or the rights of the executor",
        _NEVER,
    ),
    _system(
        "PodEvicted",
        "the cluster took the pod away: its node was short of something, drained, or wanted for another pod",
        "nothing, if it was once; else ask for the memory and disk that the task needs",
    ),
    _system(
        "NodeLost",
        "the node that had the pod is gone, or was silent for too long",
        "nothing, if it was once; else look after the cluster's nodes",
    ),
    # -- values --------------------------------------------------------------------------------------------
    _user(
        "DataValidationError",
        "a value does not have the type that the task's signature gives it",
        "return (or pass) what the signature says, or change the signature",
    ),
    _user(
        "InlineIOMaxBytesBreached",
        "the inputs or outputs of a call are larger than the task's max_inline_io_bytes",
        "pass large data as a File, Dir or DataFrame, or raise max_inline_io_bytes",
    ),
    _user(
        "NotUnderstood",
        "the task's process sent its agent something that cannot be read",
        "make the value flatter: the usual reason is one that is nested some hundred levels deep",
        _NEVER,
    ),
    # -- time ----------------------------------------------------------------------------------------------
    _user(
        "TaskTimeout",
        "an attempt ran longer than the task's timeout (max_runtime)",
        "raise the timeout, or make the task faster",
    ),
    _user(
        "QueuedTimeout",
        "an attempt waited for a place longer than the task's max_queued_time",
        "raise max_queued_time, give the executor more slots, or start less at a time",
    ),
    _user(
        "DeadlineExceeded",
        "the action was not over within its deadline, all attempts together",
        "raise the deadline, or look at what took the time",
        _NEVER,
    ),
    # -- what a parent fails with when it lets a child's end pass ------------------------------------------
    _user(
        "TaskTimeoutError",
        "a child timed out, and its parent did not catch that",
        "look at the child's own code, or catch flyte.errors.TaskTimeoutError in the parent",
    ),
    _user(
        "ActionAbortedError",
        "a child was aborted, and its parent did not catch that",
        "see who aborted it and why, or catch flyte.errors.ActionAbortedError in the parent",
    ),
    _user(
        "RemoteTaskNotFoundError",
        "the task asked for a deployed task that is not there",
        "look at the name and version with `flyte get task`, and deploy what is missing",
    ),
    _system(
        "ChildNotRequested",
        "a running task could not ask for its child: the bus or the artifact store said no",
        "it is tried again; if it stays, see `flyte status`, and whether the inputs are too large",
    ),
    _system(
        "TraceNotRecorded",
        "a step of a running task could not be recorded or looked up: the bus or the artifact store said no",
        "it is tried again, and steps that were recorded do not run again; if it stays, see `flyte status`",
    ),
    _system(
        "OutputsNotAvailable",
        "a child succeeded, and its large outputs cannot be read from the artifact store",
        "it is tried again; if it stays, look at the dataproxy and its store",
    ),
    # -- people, and earlier runs --------------------------------------------------------------------------
    _user(
        "ConditionTimedoutError",
        "nobody answered a condition within its timeout",
        "give the condition a longer timeout, or answer it in time with `flyte signal condition`",
        _NEVER,
    ),
    _user(
        "ConditionAlreadyExistsError",
        "a condition was asked for by a name that is taken in the run",
        "give each condition of a run a name of its own",
    ),
    _system(
        "ConditionNotRequested",
        "a running task could not ask for its condition: the bus said no",
        "it is tried again; if it stays, see `flyte status`",
    ),
    _user(
        "SourceOutputsMissing",
        "a result that a recovery would take over is not in the artifact store any more",
        "recover with --allow-missing-outputs: then the action runs again",
        _NEVER,
    ),
    # -- the platform's doing ------------------------------------------------------------------------------
    _system(
        "AgentLost",
        "the process that watched over the attempt is gone without a report, or never came to be",
        "nothing, if it was once; else look at the executor's log and the memory of its machine",
    ),
    _system(
        "WorkerLost",
        "the worker of the attempt was silent for longer than its lease",
        "nothing, if it was once; else look at its machine and the network between",
    ),
    _system(
        SHARED_PROCESS_ENDED,
        "the process ended in which the attempt ran beside others (ReusePolicy with concurrency)",
        "nothing: the next attempt has a process of its own; one whose own process ends says why",
    ),
    _system(
        "Interrupted",
        "the attempt was told to stop, because its executor or machine went down",
        "nothing: the attempt is repeated elsewhere or later",
    ),
    _system(
        MAX_SYSTEM_FAILURES,
        "the platform lost an attempt of the action too often in a row",
        "the message has the last loss: look up its code, mend the cause, then `flyte rerun`",
        _NEVER,
    ),
    # -- the artifact store --------------------------------------------------------------------------------
    _system(
        "ArtifactUnavailable",
        "the artifact store could not be reached for as long as an attempt waits for it",
        "see with `flyte status` whether the dataproxy runs, and whether its URL can be reached from there",
    ),
    _system(
        "ArtifactCorrupted",
        "the bytes in the artifact store are not those that were put there",
        "have the damaged object removed from the store, then deploy or run once more; look after the disk",
    ),
    _user(
        ARTIFACT_NOT_FOUND,
        "there is no object of this address in the artifact store",
        "deploy or run once more: that uploads what is missing",
    ),
    _user(
        "ArtifactTooLarge",
        "an object is larger than the dataproxy takes",
        "keep large files out of the bundle, or raise FLYTE_DATAPROXY_MAX_OBJECT_BYTES",
    ),
    _user(
        "InvalidArtifactName",
        "no object can have this name",
        "choose a project and domain of letters, digits, - and _",
    ),
    _system(
        "ArtifactStoreFailed",
        "the dataproxy could not ask the store behind it: its S3, or its disk",
        "look at the store and the dataproxy's log; uploads and downloads wait for a while and go on",
    ),
    _user(
        "UploadLost",
        "the store knows nothing of an upload that was begun in parts",
        "nothing: the upload begins anew by itself",
    ),
    _user(
        "TooYoung",
        "objects were to be removed that may belong to work under way",
        "let `flyte gc --older-than` be an hour at least",
    ),
    *(_user(code, meaning, remedy, _NEVER) for code, meaning, remedy in LIMIT_CODES),
    # -- answers to commands and questions -----------------------------------------------------------------
    _user(
        "InvalidTemplate",
        "the registry refused a task version: something in it does not fit together",
        "deploy with the flyte SDK of the server's version",
        _BY_YOU,
    ),
    _user(
        "TemplateTooLarge",
        "the registry refused a task version: its description is larger than an event may be",
        "shorten docstrings, default values and environment variables",
        _BY_YOU,
    ),
    _user(
        "VersionConflict",
        "this version of the task is deployed already, with other content",
        "choose another --version, or leave it out: then the content names the version",
        _BY_YOU,
    ),
    _user(
        "NotAllowed",
        "the user who asked may not do that there: NATS refused it",
        "ask the administrator for the role that the message names",
        _BY_YOU,
    ),
    _user(
        "SecretRefused",
        "a secret was not kept or deleted: the store that this stack has does not do that",
        "look at the message: it names the scope, the type or the variable that it is about",
        _BY_YOU,
    ),
    _user(
        "SessionRefused",
        "the console lets nobody in just now, or not with what was asked for",
        "type `flyte console` again in a minute",
        _BY_YOU,
    ),
    _user(
        "InvalidQuestion",
        "a service was asked something that it cannot read",
        "use a client of the server's version",
        _BY_YOU,
    ),
    _system(
        "ServiceCrashed",
        "a service met an error of its own while it answered",
        "look at the log of the service that the message names",
        _BY_YOU,
    ),
    _system(
        "RegistryBehind",
        "the registry has not yet read all that the log holds",
        "ask again in a moment; if it stays, look at the registry's log",
        _BY_YOU,
    ),
)

BY_CODE = {entry.code: entry for entry in FAILURE_CODES}
