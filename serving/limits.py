"""Limits the size, the duration and the number of requests."""

import asyncio
import zlib
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from serving.formats import RequestError


@dataclass(frozen=True)
class Limits:
    """The limits of a server.

    Attributes:
        body_mb: Maximum size of a request in megabytes, as sent and decompressed.
        timeout_s: Maximum seconds to receive a request, and again to answer it.
        waiting: Maximum number of requests that are received at a time, and of those
            that compute or wait.
    """

    body_mb: float = 16.0
    timeout_s: float = 30.0
    waiting: int = 512

    @property
    def max_bytes(self):
        """Maximum size of a request in bytes."""
        return int(self.body_mb * 1e6)


class Reader:
    """Reads the bodies of requests, a limited number at a time.

    Args:
        limits: `Limits`; bodies take at most `waiting` times `body_mb` of memory, twice
            as much while they are decompressed.
    """

    def __init__(self, limits):
        self._limits, self._reading = limits, 0

    async def read(self, request):
        """Returns the body of a request, decompressed if it is sent as gzip.

        Raises:
            RequestError: If it is too large, too slow or not gzip, or if too many
                requests are being received.
        """
        if self._reading >= self._limits.waiting:
            raise RequestError(
                503, f"{self._reading} requests are being read. Try again in a moment."
            )
        self._reading += 1
        try:
            body = await _body(request, self._limits)
            if "gzip" in request.headers.get("Content-Encoding", ""):
                return await run_in_threadpool(decompress, body, self._limits)
            return body
        finally:
            self._reading -= 1


async def _body(request, limits):
    """Returns the body of a request; reads a body that is too large to its end."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.timeout_s):
            async for part in request.stream():
                size += len(part)
                parts.append(part)
                if size > limits.max_bytes:
                    parts.clear()
    except TimeoutError:
        message = f"The request did not arrive within {limits.timeout_s:g} seconds."
        raise RequestError(408, message) from None
    if size > limits.max_bytes:
        message = f"Expected at most {limits.body_mb:g} MB. Received: {size / 1e6:.1f}."
        raise RequestError(413, message)
    return b"".join(parts)


def decompress(body, limits):
    """Returns what a gzip body holds; stops as soon as that is too large.

    Raises:
        RequestError: If it is too large or not one whole gzip file.
    """
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # gzip
    try:
        content = stream.decompress(body, limits.max_bytes + 1)
    except zlib.error as error:
        raise RequestError(400, f"Content-Encoding: gzip: {error}.") from None
    if len(content) > limits.max_bytes:
        message = f"Expected at most {limits.body_mb:g} MB. Received: more, in gzip."
        raise RequestError(413, message)
    if not stream.eof or stream.unused_data:
        message = "Content-Encoding: gzip: expected one whole gzip file."
        raise RequestError(400, message)
    return content
