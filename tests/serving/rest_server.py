"""An HTTP server with TensorFlow Serving's REST paths, in the process of the test."""

import base64
import contextlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import tensorflow as tf
from google.protobuf.json_format import MessageToDict

from tests.serving.grpc_server import RefusalError

PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>\d+))?"
    r"(?P<verb>:predict|/metadata)?"
)
STATUSES = {
    "NOT_FOUND": 404,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "INTERNAL": 500,
    "DEADLINE_EXCEEDED": 504,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
}


class RestServer:
    """Serves `Models` at `address`; a context manager.

    Attributes:
        connections: Client addresses, one for each connection with a request.
    """

    def __init__(self, models):
        self.connections = set()
        server = self

        class Handler(_Handler):
            def answer(self, body):
                server.connections.add(self.client_address)
                return _answer(models, self.path, body)

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class AnswerError(RefusalError):
    """A fault with a response: a status, a raw body and headers."""

    def __init__(self, status, body="", headers=()):
        super().__init__(status, body, headers)


class CutError(Exception):
    """A fault that closes the connection before or during an answer.

    Attributes:
        sent: Pieces that are sent before the connection closes.
        pause_s: Seconds to wait after each piece; without pieces, before closing.
    """

    def __init__(self, *sent, pause_s=0):
        super().__init__("cut")
        self.sent, self.pause_s = sent, pause_s


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Prints nothing about clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    wbufsize = -1  # sends header and body in one piece
    disable_nagle_algorithm = True

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers = 200, {}
        try:
            content = self.answer(body)
        except CutError as error:
            with contextlib.suppress(ConnectionError):  # from a client that is gone
                for piece in error.sent or (b"",):
                    self.connection.sendall(piece)
                    time.sleep(error.pause_s)
            self.close_connection = True
            return
        except AnswerError as error:
            status, content, headers = error.code, str(error), error.headers
        except RefusalError as error:
            status, headers = STATUSES[error.code], error.headers
            content = json.dumps({"error": str(error)})
        content = content.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def _answer(models, path, body):
    match = PATH.fullmatch(path)
    verb = (match["verb"] or "status").strip(":/")
    models.begin(verb)
    model, version = unquote(match["model"]), match["version"] and int(match["version"])
    if verb == "status":
        ok = {"error_code": "OK", "error_message": ""}
        states = [
            {"version": str(number), "state": "AVAILABLE", "status": ok}
            for number in models.states(model, version)
        ]
        return json.dumps({"model_version_status": states})
    which = models.find(model, version)
    if verb == "metadata":
        definitions = {
            name: MessageToDict(
                definition,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            for name, definition in models.signature_defs(which).items()
        }
        spec = {"name": model, "signature_name": "", "version": str(which[1])}
        metadata = {"signature_def": {"signature_def": definitions}}
        return json.dumps({"model_spec": spec, "metadata": metadata})
    request = json.loads(body)
    signature, inputs = request["signature_name"], request["inputs"]
    specs = models.specs(which, signature)
    if not set(specs) <= set(inputs):
        raise RefusalError("INVALID_ARGUMENT", "Missing named input")
    tensors = {
        name: tf.constant(_bytes(inputs[name]), spec.dtype)
        for name, spec in specs.items()
    }
    outputs = models.run(which, signature, tensors)
    values = {name: _plain(name, value.numpy()) for name, value in outputs.items()}
    single = len(values) == 1
    return json.dumps({"outputs": next(iter(values.values())) if single else values})


def _bytes(value):
    if isinstance(value, list):
        return [_bytes(each) for each in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def _plain(name, array):
    def text(value):
        if isinstance(value, list):
            return [text(each) for each in value]
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode()}
        return value.decode()

    return text(array.tolist()) if array.dtype == object else array.tolist()
