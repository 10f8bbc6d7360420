"""Addresses of runs: a web page where there is a console, else what the command line takes."""

from urllib.parse import quote, urlsplit

from flyte_schemas.subjects import ActionKey, RunKey


def run_address(key: RunKey) -> str:
    """A run's address for the command line (`flyte logs ADDRESS`)."""
    return f"flyte://{key.project}/{key.domain}/runs/{key.run}"


def page_address(key: ActionKey, console_url: str) -> str:
    """The page of a run (of its root action) or of one of its actions; without a console, `run_address`."""
    if not console_url:
        return run_address(key.run)
    project, domain, run, action = map(quote, (*key.run, key.action))
    page = f"{console_url}/projects/{project}/domains/{domain}/runs/{run}"
    return page if key.is_root else f"{page}/actions/{action}"


def console_address(endpoint: str) -> str:
    """Where the web page is, as an address without a slash at its end. Raises ValueError."""
    text = endpoint.strip().rstrip("/")
    if text and "://" not in text:
        text = f"https://{text}"
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc):
        raise ValueError(f"console endpoint {endpoint!r} is no address: write e.g. https://flyte.example")
    return text
