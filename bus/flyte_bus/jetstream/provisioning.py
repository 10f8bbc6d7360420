"""Streams and buckets as data, made real: created when missing, updated when they differ.

Where the server knows roles, only the provisioner and the operator may do so; the others wait for it.
"""

from typing import Any

from flyte_bus.errors import BusError, BusUnavailable
from flyte_bus.facts import Facts
from flyte_bus.jetstream.codes import STREAM_NAME_IN_USE, STREAM_NOT_FOUND
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.inbox import NANOSECONDS
from flyte_bus.jetstream.keyvalue import MARKER_AGE_S, stream_of
from flyte_bus.jetstream.patience import Patience
from flyte_schemas.access import OPERATOR, PROVISIONER
from flyte_schemas.streams import BUCKETS, STREAMS, BucketSpec, StreamSpec
from flyte_schemas.subjects import live

log = Facts(__name__)

MAY_PROVISION = frozenset({"", PROVISIONER.name, OPERATOR.name})
"""Roles that may make streams; without a role one may where nobody forbids it."""

OLDEST_SERVER = "2.14"
"""Of nats-server: the oldest that the tests are run against."""
_FEATURES = {
    "allow_msg_schedules": "schedules of messages",
    "allow_msg_ttl": "messages that end after a time",
    "subject_delete_marker_ttl": "marks of keys that have ended",
}
"""What an older server leaves out of a configuration without a word."""

MAX_CONSUMERS = 5_000
"""nats-server refuses the 1,001st consumer of a stream unless the stream allows more."""


def stream_config(spec: StreamSpec, replicas: int) -> dict[str, Any]:
    """The stream's configuration in the words of the JetStream API."""
    config: dict[str, Any] = {
        "name": spec.name,
        "description": spec.description,
        "subjects": list(spec.subjects),
        "storage": "file",
        "retention": "limits",
        "discard": "new" if spec.refuse_when_full else "old",
        "max_age": (spec.max_age_s or 0) * NANOSECONDS,
        "max_bytes": spec.max_size_bytes or -1,
        "max_consumers": MAX_CONSUMERS,
        "num_replicas": replicas,
        "duplicate_window": spec.dedupe_window_s * NANOSECONDS,
        "allow_direct": True,
        "deny_delete": spec.append_only,
        "deny_purge": spec.append_only,
    }
    if spec.schedules:
        config |= {"allow_msg_schedules": True, "allow_msg_ttl": True}
    if spec.republish:
        (subject,) = spec.subjects
        config["republish"] = {"src": subject, "dest": live(subject)}
    return config


def bucket_config(spec: BucketSpec, replicas: int) -> dict[str, Any]:
    """A key-value bucket is a stream that keeps the last message of each subject."""
    return stream_config(stream_of(spec), replicas) | {
        "max_msgs_per_subject": 1,
        "allow_rollup_hdrs": spec.tells_expired,
        "deny_purge": not spec.tells_expired,
        "deny_delete": True,
        "allow_msg_ttl": True,
        "subject_delete_marker_ttl": MARKER_AGE_S * NANOSECONDS if spec.tells_expired else 0,
    }


async def provision(connection: Connection) -> None:
    """Bring every stream and bucket to its description; or see to it that whose task it is has done so.

    Raises BusError when the server refuses, BusUnavailable when the settings' patience ends before they are
    there.
    """
    replicas = connection.settings.replicas
    may_provision = _role(connection) in MAY_PROVISION
    patience = Patience(connection.settings.patience_s)
    for config in (
        *(stream_config(spec, replicas) for spec in STREAMS),
        *(bucket_config(spec, replicas) for spec in BUCKETS),
    ):
        await (_ensure(connection, config) if may_provision else _expect(connection, config, patience))


def _role(connection: Connection) -> str:
    credentials = connection.settings.security.credentials()
    return credentials.identity.role if credentials is not None else ""


async def _expect(connection: Connection, config: dict[str, Any], patience: Patience) -> None:
    """Wait for a stream that another makes; say so when it is not what it should be."""
    name, told = config["name"], False
    while (info := await connection.api(f"STREAM.INFO.{name}", {})).get("error") is not None:
        if info["error"].get("err_code") != STREAM_NOT_FOUND:
            return _check(name, info)
        if not patience.left_s:
            raise BusUnavailable(
                f"the NATS server has no stream {name}: "
                "run `flyte-provisioner` with the provisioner's credentials"
            )
        if not told:
            log.warning("bus.stream.awaited", stream=name, action="run flyte-provisioner")
            told = True
        await patience.pause()
    _check_features(connection, config, info)
    differing = sorted(key for key, value in config.items() if _is_otherwise(info, key, value))
    if differing and differing != ["max_consumers"]:  # which is fixed when a stream is created
        log.warning(
            "bus.stream.differs",
            stream=name,
            settings=differing,
            action="run flyte-provisioner of this version",
        )
    return None


async def _ensure(connection: Connection, config: dict[str, Any]) -> None:
    name = config["name"]
    info = await connection.api(f"STREAM.INFO.{name}", {})
    if info.get("error", {}).get("err_code") == STREAM_NOT_FOUND:
        created = await connection.api(f"STREAM.CREATE.{name}", config)
        if created.get("error", {}).get("err_code") != STREAM_NAME_IN_USE:
            _check(name, created)
            return _check_features(connection, config, created)
        info = await connection.api(f"STREAM.INFO.{name}", {})  # somebody else created it just now
    _check(name, info)
    if any(_is_otherwise(info, key, value) for key, value in config.items()):
        max_consumers = info["config"].get("max_consumers", MAX_CONSUMERS)  # fixed when a stream is created
        wanted = info["config"] | config | {"max_consumers": max_consumers}
        updated = await connection.api(f"STREAM.UPDATE.{name}", wanted)
        _check(name, updated)
        _check_features(connection, config, updated)
    return None


def _is_otherwise(info: dict[str, Any], key: str, value: Any) -> bool:
    """Whether a stream is not as described; the server leaves out some of what is 0."""
    return bool((info["config"].get(key) or 0) != (value or 0))


def _check_features(connection: Connection, config: dict[str, Any], info: dict[str, Any]) -> None:
    """Raise BusError for a server that has made a stream, and left out what we cannot do without."""
    lacking = [words for key, words in _FEATURES.items() if config.get(key) and not info["config"].get(key)]
    if lacking:
        raise BusError(
            f"the NATS server at {connection.settings.shown_url} is {connection.client.server_version}, "
            f"which has no {', no '.join(lacking)}: Flytejet needs nats-server {OLDEST_SERVER} or newer"
        )


def _check(name: str, answer: dict[str, Any]) -> None:
    if "error" in answer:
        raise BusError(f"stream {name}: {answer['error'].get('description')}")
