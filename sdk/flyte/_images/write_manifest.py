"""Runs as the last step of a build: writes the manifest, with the Python that the image really has."""

import json
import os
import platform
import sys


def main(place: str) -> None:
    """Fill in the declaration that lies beside this file, and write it to `place`."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "manifest.json")) as file:  # noqa: PTH118,PTH120,PTH100,PTH123
        manifest = json.load(file)
    found = platform.python_version()
    if manifest["python"] and not f"{found}.".startswith(f"{manifest['python']}."):
        sys.exit(f"the image has Python {found}, and Python {manifest['python']} was declared")
    manifest["python"] = found
    os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103,PTH120
    with open(place, "w") as file:  # noqa: PTH123
        json.dump(manifest, file, sort_keys=True)


if __name__ == "__main__":
    main(sys.argv[1])
