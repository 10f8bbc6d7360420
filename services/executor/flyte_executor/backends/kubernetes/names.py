"""Which names Kubernetes accepts, by its own patterns (apimachinery's `util/validation`)."""

import re

LABEL_LIMIT = 63
"""Characters of a DNS label, of a label's value, and of the last part of a label's key."""
SUBDOMAIN_LIMIT = 253
_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def is_dns_label(text: str) -> bool:
    """The name of a namespace, a container or a volume."""
    return len(text) <= LABEL_LIMIT and re.fullmatch(_DNS_LABEL, text) is not None


def is_subdomain(text: str) -> bool:
    """The name of most objects: a Secret, a service account, a priority class."""
    return len(text) <= SUBDOMAIN_LIMIT and _SUBDOMAIN.fullmatch(text) is not None


def is_label_value(text: str) -> bool:
    """The value of a label; it may be empty."""
    return not text or (len(text) <= LABEL_LIMIT and _QUALIFIED.fullmatch(text) is not None)


def is_label_key(text: str) -> bool:
    """The key of a label or of an annotation, or the name of a resource: `prefix/name`, or `name`."""
    prefix, slash, name = text.rpartition("/")
    is_name = len(name) <= LABEL_LIMIT and _QUALIFIED.fullmatch(name) is not None
    return is_name and (not slash or is_subdomain(prefix))


def is_variable(text: str) -> bool:
    """The name of an environment variable; newer clusters take more."""
    return _VARIABLE.fullmatch(text) is not None


def is_secret_key(text: str) -> bool:
    """A key in a Secret."""
    known = len(text) <= SUBDOMAIN_LIMIT and _SECRET_KEY.fullmatch(text) is not None
    return known and text != "." and not text.startswith("..")
