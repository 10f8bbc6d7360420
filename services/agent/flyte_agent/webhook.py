"""One JSON document sent to an address that a user named, a few times if need be."""

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

TRY_LIMIT_S = 10.0
"""The longest silence of the other side within one try."""
PAUSES_S = (1.0, 4.0, 15.0)
"""Between one try and the next; there is one try more than there are pauses."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to send what."""

    url: str
    document: object


async def post(webhook: Webhook, pauses_s: tuple[float, ...] = PAUSES_S) -> str:
    """Send it; why nobody took it, or "" when somebody did. The address is not told: it may be a secret."""
    error = ""
    for pause_s in (*pauses_s, None):
        error = await asyncio.to_thread(_try, webhook)
        if not error or pause_s is None:
            break
        await asyncio.sleep(pause_s)
    return error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET of somewhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _try(webhook: Webhook) -> str:
    request = urllib.request.Request(
        webhook.url,
        data=json.dumps(webhook.document).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "flytejet"},
        method="POST",
    )
    try:
        with _OPENER.open(request, timeout=TRY_LIMIT_S):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"the webhook answered HTTP {error.code}"
    except urllib.error.URLError as error:
        return f"the webhook cannot be reached: {error.reason}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"the webhook cannot be reached: {error or type(error).__name__}"
