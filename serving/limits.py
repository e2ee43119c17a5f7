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
        waiting: Requests that come in at once, and that compute or wait at once.
    """

    body_mb: float = 16.0
    timeout_s: float = 30.0
    waiting: int = 512


class Reader:
    """Reads the bodies of requests, of so many at once.

    Args:
        limits: `Limits`; of all bodies together, `waiting` times `body_mb` are kept.
    """

    def __init__(self, limits):
        self._limits, self._reading = limits, 0

    async def read(self, request):
        """Returns the body of a request.

        Raises:
            RequestError: If it is too long or too slow, or too many come at once.
        """
        if self._reading >= self._limits.waiting:
            raise RequestError(
                503, f"{self._reading} requests come in already. Try again in a moment."
            )
        self._reading += 1
        try:
            return await _body(request, self._limits)
        finally:
            self._reading -= 1


async def _body(request, limits):
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
