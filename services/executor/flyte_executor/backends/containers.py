"""An attempt as a container: the words after `docker run`, a pure function of the launch.

The network is the machine's: a bus and an artifact store on 127.0.0.1 are reached as they are elsewhere. What
the agent needs to know comes as variables whose values are not on the command line, and as files that these
name.
"""

import hashlib
import re
from collections.abc import Mapping

from flyte_bus.security import CERT, CREDS, KEY
from flyte_executor.backends.port import Launch, LaunchFailed
from flyte_executor.backends.quantities import amount_of
from flyte_schemas.orders import Order, PoolOrder
from flyte_schemas.subjects import AttemptKey
from flyte_schemas.task import Resources
from flyte_schemas.trust import BUS_CA, CA, is_text

HOME = "/tmp/flytejet"
"""Where an agent keeps its files in a container; any user may write there."""
AGENT = "flyte-agent"
"""The command that an image must have."""
SITE_LABEL, ORDER_LABEL = "dev.flytejet.site", "dev.flytejet.order"
_PROCESSES = 8192
"""So many a container may have, threads counted: the machine's are not one task's."""
_CONFINED = (
    *("--network", "host", "--cap-drop", "NET_RAW", "--security-opt", "no-new-privileges"),
    *("--pids-limit", str(_PROCESSES)),
)
"""Of the machine's network a container reads nothing that is not for it, though its user may be root."""


def container_name(attempt: AttemptKey, site: str) -> str:
    """The same for the same attempt on the same site, so that it is started once."""
    digest = hashlib.sha256(f"{site} {attempt}".encode()).hexdigest()[:20]
    readable = re.sub(r"[^a-zA-Z0-9_.-]", "-", f"{attempt.action.run.run}-{attempt.action.action}")[:60]
    return f"flyte-{readable}-{attempt.attempt}-{digest}"


def image_of(launch: Launch, default: str) -> str:
    """The image that the attempt runs in. Raises LaunchFailed when nobody names one."""
    task = launch.template
    image = default if task.image == "auto" else task.image
    if not image:
        raise LaunchFailed(
            f"task {task.name} names no image: say image=… of its environment, --image URI, or "
            "FLYTE_EXECUTOR_IMAGE"
        )
    if not re.fullmatch(r"[A-Za-z0-9][!-~]{,999}", image):  # with a dash before it, an option of the engine
        raise LaunchFailed(f"task {task.name} names {image[:300]!r}, which is no image's address")
    return image


def run_words(
    launch: Launch, order: Order, *, site: str, image: str, variables: Mapping[str, str]
) -> list[str]:
    """The words after `docker`. Raises LaunchFailed for resources that no container can have."""
    labels = {SITE_LABEL: site, ORDER_LABEL: order.model_dump_json()}
    words = ["run", "--detach", "--name", container_name(launch.attempt, site), *_CONFINED]
    words += [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    words += [word for name in sorted(variables) for word in ("--env", name)]
    words += [word for place in _files(variables) for word in ("--mount", place)]
    words += resource_words(launch.template.resources)
    return [*words, "--entrypoint", AGENT, image, *agent_words(order)]


def agent_words(order: Order | PoolOrder) -> list[str]:
    """The words after `flyte-agent` which tell it of its order; a name may begin with a dash."""
    command = "attempt" if isinstance(order, Order) else "pool"
    return [command, *(f"--{field.replace('_', '-')}={value}" for field, value in order)]


def _files(variables: Mapping[str, str]) -> list[str]:
    """The files that the variables of TLS and of the bus name, in the container where they are here."""
    named = (variables.get(name) for name in (CA, BUS_CA, CERT, KEY, CREDS))
    places = dict.fromkeys(place for place in named if place and not is_text(place))
    return [f"type=bind,source={place},target={place},readonly" for place in places]


def resource_words(resources: Resources) -> list[str]:
    """The limits of a container: the upper of what was said of each; a container has no requests."""
    words = []
    if cpu := resources.cpu_limit or resources.cpu:
        words += ["--cpus", f"{float(amount_of(cpu)):g}"]
    if memory := resources.memory_limit or resources.memory:
        size = str(int(amount_of(memory)))
        words += ["--memory", size, "--memory-swap", size]
    if resources.shm:
        words += ["--shm-size", "0" if resources.shm == "auto" else str(int(amount_of(resources.shm)))]
    if resources.accelerator is not None and resources.accelerator.device_class.upper() == "GPU":
        words += ["--gpus", str(resources.accelerator.quantity)]
    return words
