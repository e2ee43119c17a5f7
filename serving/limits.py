"""Limits the size, the duration and the number of requests."""

import asyncio
import zlib
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from fastapi.concurrency import run_in_threadpool

from serving.engine import RequestError

BLOCK = 1 << 20  # bytes that are counted at once
BYTES_PER_VALUE = 8  # of `body_mb`; shorter values make lists larger than their text
MAX_BODIES = 8  # of `body_mb` each, as long as all bodies under way together


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

    def check_values(self, body):
        """Raises a `RequestError` if a body of JSON has too many values.

        A list of a body of three bytes for each value takes 25 times the memory of the
        body. Commas and brackets are counted, also those inside of texts.
        """
        most = self.max_bytes // BYTES_PER_VALUE
        if len(body) <= most:
            return
        starts = range(0, len(body), BLOCK)
        values = sum(_count_values(body[n : n + BLOCK]) for n in starts)
        if values > most:
            message = f"Expected at most {most} commas and brackets. Received: {values}"
            raise RequestError(413, f"{message}. Send fewer values in a request.")


def _count_values(body):
    """Returns the number of commas, brackets and braces."""
    codes = np.frombuffer(body, np.uint8)
    return np.count_nonzero((codes == ord(",")) | ((codes | 0x20) == ord("{")))


class Reader:
    """Reads the bodies of requests, a limited number at a time.

    Args:
        limits: `Limits`. The bodies that are being received and answered, decompressed,
            take at most `MAX_BODIES` times `body_mb` of memory.

    Attributes:
        converting: A lock. Who holds it may make arrays of a long body, or decompress
            one: that takes many times the memory of the body, and stops other threads.
    """

    def __init__(self, limits):
        self._limits, self._reading, self._bytes = limits, 0, 0
        self.converting = asyncio.Lock()

    @asynccontextmanager
    async def read(self, request):
        """Yields the body of a request, decompressed if it is sent as gzip.

        Raises:
            RequestError: If it is too large, too slow or not gzip, or if too many
                requests, or bytes of them, are under way.
            TimeoutError: If it cannot be decompressed in time.
        """
        if self._reading >= self._limits.waiting:
            raise RequestError(
                503, f"{self._reading} requests are being read. Try again in a moment."
            )
        held = 0

        def hold(size):
            nonlocal held
            if self._bytes + size > MAX_BODIES * self._limits.max_bytes:
                message = "Too many bytes of requests are under way."
                raise RequestError(503, f"{message} Try again in a moment.")
            self._bytes += size
            held += size

        try:
            yield await self._read(request, hold)
        finally:
            self._bytes -= held

    async def _read(self, request, hold):
        self._reading += 1
        try:
            body = await _body(request, self._limits, hold)
            if "gzip" in request.headers.get("Content-Encoding", ""):
                async with asyncio.timeout(self._limits.timeout_s), self.converting:
                    body = await run_in_threadpool(decompress, body, self._limits)
                hold(len(body))
            return body
        finally:
            self._reading -= 1


async def _body(request, limits, hold):
    """Returns the body of a request; reads a body that is too large to its end.

    Args:
        request: The request.
        limits: `Limits`.
        hold: Function that is called with the number of bytes that are kept.
    """
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.timeout_s):
            async for part in request.stream():
                size += len(part)
                if size > limits.max_bytes:
                    parts.clear()
                else:
                    hold(len(part))
                    parts.append(part)
    except TimeoutError:
        message = f"The request did not arrive within {limits.timeout_s:g} seconds."
        raise RequestError(408, message) from None
    if size > limits.max_bytes:
        message = f"Expected at most {limits.body_mb:g} MB. Received: {size / 1e6:.1f}."
        raise RequestError(413, message)
    return b"".join(parts)


def decompress(body, limits):
    """Decompresses a gzip body; stops at the limit.

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
