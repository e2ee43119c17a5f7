"""What a server takes: how long, how late and how many requests may be."""

import asyncio
from dataclasses import dataclass

from serving.formats import RequestError


@dataclass(frozen=True)
class Limits:
    """What a server takes.

    Attributes:
        body_mb: Size of a request in megabytes.
        timeout_s: Seconds in which a request must have come, and be answered.
        waiting: Requests that are under way or wait.
    """

    body_mb: float = 16.0
    timeout_s: float = 30.0
    waiting: int = 512


async def read_body(request, limits):
    """Returns the body of a request; one that is too long is read, but not kept."""
    most = int(limits.body_mb * 1e6)
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.timeout_s):
            async for part in request.stream():
                size += len(part)
                parts.append(part)
                if size > most:
                    parts.clear()
    except TimeoutError:
        message = f"The request did not come within {limits.timeout_s:g} seconds."
        raise RequestError(408, message) from None
    if size > most:
        message = f"Expected at most {limits.body_mb:g} MB. Received: {size / 1e6:.1f}."
        raise RequestError(413, message)
    return b"".join(parts)
