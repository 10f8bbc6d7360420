"""The secrets of an attempt: asked for by its agent, laid out for its process, hidden in what it says.

They come with no order and no command line: the agent that has claimed an attempt asks its executor, and the
answer is sealed to a key that lives as long as the question. In a pod the cluster has given them already.
"""

import base64
import contextlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from flyte._runtime.messages import Raised, Recall, Record, SeenSecrets
from flyte._runtime.redaction import Redactor
from flyte_agent.settings import AgentSettings
from flyte_bus.errors import NoAnswer, Refusal
from flyte_bus.ports import Bus
from flyte_schemas.events import TraceFailed
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.orders import Order
from flyte_schemas.policies import SecretReference
from flyte_schemas.secrets import GIVE_SECRETS, GivenValue, GivenValues, GiveSecrets, shown_name

STANDARD_FOLDER = PurePosixPath("/etc/flyte/secrets")
"""Where tasks look for files, and where they are in a pod."""

WordT = TypeVar("WordT", Raised, Recall | Record)


class SecretsRefused(Exception):
    """The attempt cannot have its secrets, and this is what it fails with."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class SecretFolder:
    """Where the files of secrets lie, for all attempts of one process; made when there is one."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._path: Path | None = None

    @property
    def path(self) -> Path:
        """The folder, which only this user may enter. Raises OSError."""
        if self._path is None:
            from flyte_bus.secrets.mounts import make_folder

            self._path = make_folder(self._settings.home)
            if self._settings.image:  # in a container of its own it may be where tasks look for it
                with contextlib.suppress(OSError):
                    Path(STANDARD_FOLDER).parent.mkdir(parents=True, exist_ok=True)
                    Path(STANDARD_FOLDER).symlink_to(self._path)
        return self._path

    def write(self, place: PurePosixPath, value: bytes) -> None:
        """Put a file there, whole or not at all. Raises OSError."""
        path = self.path / place
        path.parent.mkdir(mode=0o700, exist_ok=True)
        half = path.with_name(f".{path.name}.part")
        half.unlink(missing_ok=True)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(value)
        half.replace(path)

    def remove(self) -> None:
        """The process has run all that it will run."""
        if self._path is not None:
            from flyte_bus.secrets.mounts import remove_folder

            remove_folder(self._path)
            self._path = None


class AttemptSecrets:
    """What one attempt sees, once it was fetched; its values are hidden in what the attempt says."""

    def __init__(self, bus: Bus, order: Order, settings: AgentSettings, folder: SecretFolder) -> None:
        self._bus = bus
        self._order = order
        self._settings = settings
        self._folder = folder
        self.redactor = Redactor(())
        self.seen: SeenSecrets | None = None

    async def fetch(self, wanted: Sequence[SecretReference], worker: str) -> None:
        """Have the values of those that the task declares, for the `worker` that has claimed the attempt.

        Raises SecretsRefused, OSError.
        """
        _check(wanted)
        if self._settings.pod_has_secrets:
            values, folder = _in_pod(wanted), str(STANDARD_FOLDER)
            variables = {}
        else:
            given = await self._ask(worker)
            variables = {one.reference.as_env_var: _text(one) for one in given if one.reference.as_env_var}
            folder = self._lay_out(given)
            values = [base64.b64decode(one.value) for one in given]
        self.redactor = Redactor(values)
        texts = tuple(value.decode(errors="backslashreplace") for value in values)
        self.seen = SeenSecrets(variables=variables, folder=folder, hidden=texts)

    def hidden_in(self, message: WordT) -> WordT:
        """What the task's process says, with the values hidden in what it says of failures."""
        if not self.redactor.is_needed:
            return message
        if isinstance(message, Raised):
            return message.model_copy(update={"failure": self._hidden(message.failure)})
        if isinstance(message, Record) and isinstance(message.trace, TraceFailed):
            failure = self._hidden(message.trace.failure)
            return message.model_copy(update={"trace": message.trace.model_copy(update={"failure": failure})})
        return message

    def _hidden(self, failure: Failure) -> Failure:
        hide = self.redactor.text
        return failure.model_copy(
            update={
                "message": hide(failure.message),
                "hint": hide(failure.hint),
                "traceback": hide(failure.traceback),
            }
        )

    async def _ask(self, worker: str) -> tuple[GivenValue, ...]:
        from flyte_bus.secrets.sealing import CannotOpen, Opener

        opener = Opener()
        question = GiveSecrets(**self._order.model_dump(), worker=worker, seal_to=opener.public)
        try:
            given = await self._bus.ask(GIVE_SECRETS, question, timeout_s=self._settings.patience_s)
            return GivenValues.model_validate_json(opener.open(given.sealed)).values
        except Refusal as refusal:
            raise SecretsRefused(refusal.failure) from refusal
        except (NoAnswer, CannotOpen) as error:
            raise SecretsRefused(_not_given(str(error))) from error

    def _lay_out(self, given: Sequence[GivenValue]) -> str:
        """Write those that are files; the folder, or nothing where there are none. Raises OSError."""
        files = [one for one in given if one.reference.mount]
        for one in files:
            self._folder.write(_place(one.reference), base64.b64decode(one.value))
        return str(self._folder.path) if files else ""


def _check(wanted: Sequence[SecretReference]) -> None:
    """Raise SecretsRefused for what no process can be given."""
    variables = Counter(one.as_env_var for one in dict.fromkeys(wanted) if one.as_env_var)
    for name, count in variables.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name.startswith("FLYTE_"):
            raise _unusable(f"no secret can be the variable {name!r}", "say another as_env_var=…")
        if count > 1:
            raise _unusable(f"two secrets want to be the variable {name}", "say as_env_var=… of one of them")
    places = {_place(one) for one in wanted if one.mount}
    for place in places:
        if place.parent in places:
            raise _unusable(
                f"secret {place.parent} would be a file where a group has its folder", "rename one"
            )


def _place(reference: SecretReference) -> PurePosixPath:
    """Where its file is, below the folder. Raises SecretsRefused."""
    name = shown_name(reference.group, reference.key)
    if PurePosixPath(reference.mount or "") != STANDARD_FOLDER:
        raise _unusable(f"secret {name!r} cannot be mounted at {reference.mount}", f"say {STANDARD_FOLDER}")
    words = [word for word in (reference.group, reference.key) if word]
    if any(word in (".", "..") or "/" in word or "\0" in word for word in words):
        raise _unusable(f"secret {name!r} cannot be a file of that name", "rename it, or say as_env_var=…")
    return PurePosixPath(*words)


def _text(given: GivenValue) -> str:
    """The value as that of a variable. Raises SecretsRefused."""
    name = shown_name(given.reference.group, given.reference.key)
    try:
        text = base64.b64decode(given.value).decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise _unusable(f"the value of secret {name!r} is no text, as a variable's is", "say mount=… instead")
    return text


def _in_pod(wanted: Sequence[SecretReference]) -> list[bytes]:
    """What the cluster has given to this container."""
    names = [one.as_env_var for one in wanted if one.as_env_var]
    values = [os.fsencode(os.environ[name]) for name in names if name in os.environ]
    for one in wanted:
        if one.mount:
            with contextlib.suppress(OSError):
                values.append((Path(STANDARD_FOLDER) / _place(one)).read_bytes())
    return values


def _unusable(message: str, hint: str) -> SecretsRefused:
    return SecretsRefused(
        Failure(code="SecretUnusable", kind=FailureKind.USER, message=message, hint=hint, recoverable=False)
    )


def _not_given(message: str) -> Failure:
    return Failure(
        code="SecretsNotGiven",
        kind=FailureKind.SYSTEM,
        message=f"the secrets of the task were not given: {message}",
        hint="the platform tries again by itself; if it stays, look at the executor",
    )
