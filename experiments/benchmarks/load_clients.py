"""Clients that keep a server under load, and the requests that they send."""

import asyncio
import itertools
import json
import time

import numpy as np

TEXTS = (
    "A warm, funny and clever film that never outstays its welcome.",
    "Two hours of my life, gone.",
    "The plot is thin, the jokes are old, and yet the two leads carry it: by the end "
    "I had laughed more often than I would like to admit, and I would go again.",
    "Dull.",
    "Not the masterpiece that it is said to be, but far from the failure either.",
)
DOCUMENTS = (
    "The old bridge is a road bridge over the river, built of stone in 1831 by a local "
    "builder. It has three arches and has been a protected monument since 1972.",
    "The grey heron is a long-legged bird of the heron family, found in most of Europe "
    "and Asia and in parts of Africa. It lives in wetlands, where it feeds on fish.",
)
STORIES = (
    ("mary went to the garden. john took the milk. mary went to the office.", "mary"),
    ("john went to the kitchen. it rains. mary took the apple. john left.", "john"),
)


def requests_of(app):
    """Returns the bodies of the requests to an app's model."""
    rng = np.random.default_rng(0)
    inputs = {
        "sentiment": [{"text": [text]} for text in TEXTS],
        "language_modeling": [{"text": [text]} for text in TEXTS],
        "summarization": [{"document": [text]} for text in DOCUMENTS],
        "question_answering": [
            {"context": [story], "question": [f"where is {who}"]}
            for story, who in STORIES
        ],
        "speech_commands": [
            {"waveform": rng.normal(0, 0.05, (1, 16000)).round(4).tolist()}
        ],
    }
    return [{"inputs": one} for one in inputs[app]]


async def load(port, app, clients, seconds):
    """Runs clients that each send the next request as soon as the last is answered.

    Args:
        port: Port of the server.
        app: Name of the model.
        clients: Number of clients.
        seconds: Time after which the clients stop.

    Returns:
        The latencies of the answered requests in seconds, and the number of failures.
    """
    sent = []
    for request in requests_of(app):
        body = json.dumps(request).encode()
        sent.append(
            f"POST /v1/models/{app}:predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
    ended, latencies, failed = time.monotonic() + seconds, [], 0

    async def client(first):
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in itertools.islice(itertools.cycle(sent), first, None):
                began = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                latencies.append(time.perf_counter() - began)
                failed += not head.startswith(b"HTTP/1.1 200")
                if time.monotonic() >= ended:
                    break
        finally:
            writer.close()

    ends = await asyncio.gather(
        *(client(n) for n in range(clients)), return_exceptions=True
    )
    failed += sum(isinstance(end, BaseException) for end in ends)
    return latencies, failed
