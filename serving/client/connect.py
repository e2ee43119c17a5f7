"""Opens the transport that a server's address names: REST or gRPC."""

from urllib.parse import urlsplit


def connect(address, backoff_s):
    """Returns a server's name for messages, and the transport to it.

    Args:
        address: `http://HOST:PORT`, `https://HOST:PORT` or `grpc://HOST:PORT`.
        backoff_s: Seconds before a gRPC channel first reconnects.

    Raises:
        ValueError: If the address has none of these forms, or gRPC is not installed.
    """
    parts = urlsplit(address)
    try:
        port = parts.port
        valid = parts.hostname and parts.scheme in ("http", "https", "grpc")
        if parts.scheme == "grpc":
            valid = valid and port and parts.path in ("", "/")
    except ValueError:  # the port is not a number
        valid = False
    if not valid:
        raise ValueError(
            "address: expected http://HOST:PORT, https://HOST:PORT or "
            f"grpc://HOST:PORT. Received: {address}."
        )
    host = parts.netloc.rpartition("@")[2]  # without a password
    if parts.scheme == "grpc":
        try:
            from serving.client.grpc import Grpc  # it loads TensorFlow; REST does not
        except ImportError as error:
            raise ValueError(
                f"address: grpc://{host} needs the package {error.name}, which is not "
                "installed. Install requirements.txt, or name the server's REST "
                "address, http://HOST:PORT."
            ) from None
        return f"grpc://{host}", Grpc(host, backoff_s)
    from serving.client.rest import Rest

    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}", Rest(address.rstrip("/"))
