"""The demonstration: what a new user would type, typed for them, in a folder that is gone afterwards.

Starts an embedded stack, deploys and runs an example with a parent and ten parallel children, shows its
logs as they come, its result and its story, and stops everything.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLYTE = Path(sys.executable).parent / "flyte"
EXAMPLE = Path("sdk/examples/02_parallel.py")


def type_in(*words: str, home: str) -> None:
    """Show a command and run it; a command that fails ends the demonstration."""
    sys.stdout.write(f"\n$ flyte {shlex.join(words)}\n")
    sys.stdout.flush()
    environment = os.environ | {"FLYTE_HOME": home}
    subprocess.run([FLYTE, *words], cwd=ROOT, env=environment, check=True)


def main() -> int:
    """Run the demonstration; 0 when every command succeeded."""
    with tempfile.TemporaryDirectory(prefix="flytejet-demo-") as home:
        try:
            type_in("start", "--detach", home=home)
            type_in("deploy", str(EXAMPLE), "env", home=home)
            type_in("run", "--name", "demo", str(EXAMPLE), "total", "--numbers", "10", home=home)
            type_in("get", "run", "demo", home=home)
            type_in("events", "demo", home=home)
        except subprocess.CalledProcessError as error:
            return error.returncode
        finally:
            subprocess.run([FLYTE, "stop"], cwd=ROOT, env=os.environ | {"FLYTE_HOME": home}, check=False)
    sys.stdout.write(
        "\nThat was a whole run: every line of `flyte events` is an event in the log, and all that was shown"
        " is a replay of it.\n"
        "Next: .venv/bin/flyte start          keep a stack running (state in ~/.flyte)\n"
        "      .venv/bin/flyte run sdk/examples/01_hello.py hello --name World\n"
        "      README.md                      what else there is\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
