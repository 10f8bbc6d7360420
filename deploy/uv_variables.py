"""What a pip.conf says about where packages are, as variables for uv, which reads no pip.conf.

    eval "$(python3 uv_variables.py /etc/pip.conf)"

It runs before anything is installed, so it imports nothing but the standard library. What is asked for has
hashes, so any index may answer, as with pip.
"""

from __future__ import annotations

import configparser
import pathlib
import shlex
import sys

NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
}
"""What pip's options are called by uv."""


def variables(text: str) -> dict[str, str]:
    """The variables for a pip.conf with this text; `[install]` goes before `[global]`."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for section in ("global", "install"):
        for option, value in parser.items(section) if parser.has_section(section) else ():
            name = NAMES.get(option.replace("_", "-"))
            if name is not None:
                found[name] = " ".join(value.split())
    return found


def main(path: str) -> None:
    """Write the lines for a shell; without the file, what holds for any."""
    file = pathlib.Path(path)
    for name, value in variables(file.read_text() if file.is_file() else "").items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
