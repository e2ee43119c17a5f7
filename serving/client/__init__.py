"""A client for TensorFlow Serving and for the embedded server.

    with Client("http://127.0.0.1:8501") as client:  # or "grpc://127.0.0.1:8500"
        client.predict("sentiment", {"text": ["A joy.", "A bore."]})

REST and gRPC return the same arrays. `python -m serving.client --help` describes the
command line (__main__.py).
"""

from serving.client.client import Client
from serving.client.streams import StreamSpec
from serving.client.transport import ServingError

__all__ = ["Client", "ServingError", "StreamSpec"]
