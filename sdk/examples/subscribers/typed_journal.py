"""Keep a journal of all that happens to runs and tasks, with `flyte.remote.events`: typed, on both streams.

    python typed_journal.py events.jsonl

The stack is found as for any command. Each event is a line of the journal, with its cursor; the last whole
line is where the next start goes on.
"""

import json
import sys
from pathlib import Path

import flyte
import flyte.remote


def main(path: Path) -> None:
    flyte.init_from_config()
    path.touch()
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    after = json.loads(whole[-1])["cursor"] if whole else None
    with path.open("ab", buffering=0) as journal:
        journal.truncate(sum(map(len, whole)))  # half a line was being written when we were killed
        print(f"going on after {after}", flush=True)
        for event in flyte.remote.events(all_projects=True, after=after):
            line = {
                "cursor": event.cursor,
                "sequence": event.sequence,
                "id": event.id,
                "type": event.type,
                "subject": event.subject,
                "phase": event.phase,
            }
            journal.write(json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python typed_journal.py JOURNAL")
    main(Path(sys.argv[1]))
