"""Whom a client trusts to vouch for a server, and what it means when TLS refuses one.

The SDK's runtime, which has no bus, and the bus say the same of the same refusal by this.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLContext

CA = "FLYTE_CA"
"""Who vouches for our HTTP servers, beside those whom the system trusts: certificates, or a file of such."""
BUS_CA = "FLYTE_NATS_CA"
"""The same for the bus; it stands for the other where that is not set."""

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME, _OTHER_ADDRESS = 62, 64
_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_EXPIRED",
    "HANDSHAKE_FAILURE",
)


def is_text(value: str) -> bool:
    """Whether a variable holds certificates, and not the name of a file."""
    return value.lstrip().startswith("-----BEGIN ")


def trusted_by(variables: Mapping[str, str], other: str = "") -> str:
    """What vouches for our HTTP servers: certificates, or the name of a file of such; empty: nothing more.

    `other` is said in a configuration, and stands behind the variables.
    """
    return variables.get(CA) or variables.get(BUS_CA) or other


def trust(context: "SSLContext", trusted: str, setting: str) -> None:
    """Have a context trust these, too. Raises ValueError, which names the setting, for other texts."""
    if not trusted:
        return
    file = None if is_text(trusted) else trusted
    try:
        context.load_verify_locations(cafile=file, cadata=None if file else trusted)
    except OSError as error:  # which an error of TLS is, too
        raise ValueError(f"{setting}: {file or 'its text'} holds no certificates: {error}") from error


def refusal(error: BaseException, *, setting: str, client: str = "") -> str:
    """What an `ssl.SSLError` means, in one sentence, and what to do; "" for what is no refusal of TLS.

    `setting` is the variable that says whom we trust, `client` those that name our own certificate.
    """
    code = getattr(error, "verify_code", 0)
    if code == _EXPIRED:
        return "the server's certificate has expired: have it renewed"
    if code == _NOT_YET:
        return "the server's certificate is not valid yet: compare the clocks"
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        said = str(getattr(error, "verify_message", "")).rstrip(".")
        return f"the server's certificate is for another name ({said}): use a name that it bears"
    if code:
        said = str(getattr(error, "verify_message", ""))
        return f"nobody whom we trust vouches for the server's certificate ({said}): name its CA in {setting}"
    reason = str(getattr(error, "reason", "") or "")
    if client and any(alert in reason for alert in _ALERTS):
        said = reason.rpartition("ALERT_")[2].replace("_", " ").lower()
        return f"the server refuses our own certificate, or wants one ({said}): see to {client}"
    return ""
