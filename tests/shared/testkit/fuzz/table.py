"""All entries that are fed."""

from testkit.fuzz.entry import Entry
from testkit.fuzz.files import Configuring, Importing, Unpacking, Valuing
from testkit.fuzz.interface import ConsoleInterface
from testkit.fuzz.services import Messages, Questions
from testkit.fuzz.typed import Typing
from testkit.fuzz.web import Console, Dataproxy
from testkit.fuzz.words import Decoding, Folding, Framing, Imaging, Naming, Scheduling, Telling

ENTRIES: dict[str, type[Entry]] = {
    entry.name: entry
    for entry in (
        Decoding, Folding, Scheduling, Naming, Framing, Imaging, Telling, Unpacking, Importing, Configuring,
        Valuing, Messages, Questions, Dataproxy, Console,
        ConsoleInterface, Typing,
    )
}  # fmt: skip
