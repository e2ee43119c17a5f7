"""A test server with TensorFlow Serving's API and rule-based answers."""

import json
import math
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[2]
WEB = ROOT / "serving" / "web"
SHARED = ROOT / "apps" / "common" / "portable" / "web"
TYPES = {
    **{".html": "text/html", ".js": "text/javascript", ".css": "text/css"},
    **{".svg": "image/svg+xml", ".wav": "audio/wav"},
}
POLICY = "default-src 'self'"
WORDS = ("and", "the", "hills", "are", "near", "the", "old", "town", ".")
LABELS = ("_silence_", "_unknown_", "no", "yes")
RATE_HZ, HOP = 16000, 320
UNITS = 5
SCORES = {"joy": 2.0, "wonderful": 1.0, "thin": -1.0, "dull": -2.0, "awful": -3.0}
SCORES |= {"stupid": -1.0, "clever": 0.5, "moving": 0.5}


def text(*names):
    return {name: ("DT_STRING", [-1]) for name in names}


def floats(**shapes):
    return {name: ("DT_FLOAT", shape) for name, shape in shapes.items()}


STATES = floats(h_1=[-1, 4], c_1=[-1, 4])
AUDIO = floats(audio=[-1, 160], scores=[-1, 3, len(LABELS)], h_1=[-1, 4])
INT = ("DT_INT32", [-1])
SETTINGS = {
    **{"temperature": ("DT_FLOAT", [-1]), "top_k": INT, "top_p": ("DT_FLOAT", [-1])},
    **{"repetition_penalty": ("DT_FLOAT", [-1]), "seed": INT},
}
QUESTION = text("context", "question")
ANSWER = {**text("answer"), **floats(score=[-1])}
SIGNATURES = {
    "language_modeling": {
        "serving_default": (text("text"), floats(perplexity=[-1])),
        "gates": (text("text"), {}),
        "stream": (
            {
                **text("prompt"),
                **{"token_ids": ("DT_INT32", [-1, -1]), **STATES, **SETTINGS},
            },
            {**text("text"), "ended": ("DT_BOOL", [-1]), **STATES},
        ),
    },
    "sentiment": {
        "serving_default": (
            text("text"),
            {**text("label"), **floats(probabilities=[-1, 2])},
        ),
        "gates": (text("text"), {}),
    },
    "speech_commands": {
        "serving_default": (
            floats(waveform=[-1, -1]),
            {**text("label"), **floats(probabilities=[-1, len(LABELS)])},
        ),
        "gates": (floats(waveform=[-1, -1]), {}),
        "stream": (
            {**floats(samples=[-1, -1]), **AUDIO},
            {**floats(posteriors=[-1, -1, len(LABELS)]), **AUDIO},
        ),
    },
    "summarization": {
        "serving_default": (text("document"), {**text("summary")}),
        "attention": (text("document"), {**text("summary")}),
        "gates": (text("document"), {}),
    },
    "question_answering": {
        "serving_default": (QUESTION, ANSWER),
        "attention": (QUESTION, floats(attention=[-1, -1, -1])),
        "gates": (QUESTION, {}),
    },
}


class RefusalError(Exception):
    """A refused request: HTTP status and message."""


class Serving:
    """The models of the test server, its faults, and its requests.

    Attributes:
        signatures: Signatures by model; a test may remove some.
        lists: Whether the server has `GET /v1/models`, as ours does.
        cors: Whether pages from other servers may read the answers.
        failures: `(status, text)` by model.
        delay_s: Seconds that a prediction takes.
        requests: `(model, signature, inputs)` of each predict request.
        nan: Whether one value of the gates is a bare NaN.
        passages: Whether answers have offsets into the passage, in Unicode characters.
    """

    def __init__(self):
        self.signatures = {m: dict(signatures) for m, signatures in SIGNATURES.items()}
        self.lists, self.cors, self.policy = True, False, POLICY
        self.failures, self.delay_s, self.requests = {}, 0.0, []
        self.nan, self.passages, self.address = False, False, ""

    def get(self, path):
        if path == "/v1/models" and self.lists:
            return {"models": list(self.signatures)}
        parts = path.removeprefix("/v1/models/").split("/")
        self.check(parts[0])
        if len(parts) == 1:
            state = {"version": "1", "state": "AVAILABLE", "status": {}}
            return {"model_version_status": [state]}
        signatures = {
            name: {"inputs": _described(one[0]), "outputs": _described(one[1])}
            for name, one in self.signatures[parts[0]].items()
        }
        if self.passages and parts[0] == "question_answering":
            signatures["serving_default"]["outputs"] |= _described({"start": INT})
        return {"metadata": {"signature_def": {"signature_def": signatures}}}

    def check(self, model):
        if model in self.failures:
            raise RefusalError(*self.failures[model])
        if model not in self.signatures:
            raise RefusalError(404, f"Servable not found for request: Latest({model})")

    def predict(self, model, request):
        self.check(model)
        name, inputs = request.get("signature_name"), request["inputs"]
        self.requests.append((model, name, inputs))
        if name not in self.signatures[model]:
            raise RefusalError(400, f'Serving signature name: "{name}" not found.')
        specs = self.signatures[model][name][0]
        if set(specs) != set(inputs):
            raise RefusalError(
                400, f"Expected the inputs {sorted(specs)}: {sorted(inputs)}"
            )
        for key, (dtype, shape) in specs.items():
            _check_value(key, inputs[key], dtype, shape)
        time.sleep(self.delay_s)
        if name == "gates":
            return self.gates(model, inputs)
        return getattr(self, f"{model}_{name}")(**inputs)

    def gates(self, model, inputs):
        if model == "speech_commands":
            return _layer("lstm_1", [f"{20 * n} ms" for n in range(1, 51)])
        if model == "question_answering":
            sentences = _sentences(inputs["context"][0])
            question = inputs["question"][0].split()
            return {
                **_layer("forward_story_1", [*sentences, ""]),
                **_layer("backward_story_1", [*sentences, ""]),
                **_layer("question_reader", question),
            }
        words = next(iter(inputs.values()))[0].lower().split()
        outputs = {**_layer("lstm_1", words), **_layer("lstm_2", words)}
        if self.nan:
            outputs["lstm_1_f"][0][0][0] = math.nan
        if model == "language_modeling":
            outputs["following"] = [["again", "and", "\n"]]
        return outputs

    def language_modeling_stream(self, prompt, token_ids, h_1, c_1, seed, **settings):
        count = len(token_ids[0])
        if h_1 != [[float(count)] * 4] or c_1 != h_1 or bool(prompt[0]) != (not count):
            raise RefusalError(400, f"The carry does not belong to token {count}.")
        piece = WORDS[count] if count < len(WORDS) else ""
        state = [[count + 1.0] * 4]
        return {
            "text": [piece if piece == "." else f" {piece}"],
            "ended": [count >= len(WORDS)],
            "token_ids": [[*token_ids[0], count + 1]],
            **{"h_1": state, "c_1": state},
        }

    def sentiment_serving_default(self, text):
        rows = []
        for one in text:
            score = sum(SCORES.get(word, 0) for word in re.findall(r"\w+", one.lower()))
            positive = 1 / (1 + math.exp(-score))
            rows.append([1 - positive, positive])
        labels = [("negative", "positive")[row[1] > row[0]] for row in rows]
        return {"label": labels, "probabilities": rows}

    def speech_commands_stream(self, samples, audio, scores, h_1):
        frames = [
            samples[0][start : start + HOP] for start in range(0, len(samples[0]), HOP)
        ]
        if frames and len(frames[-1]) != HOP:
            raise RefusalError(400, f"samples: expected a multiple of {HOP} samples.")
        loud = [sum(x * x for x in frame) / HOP > 0.001 for frame in frames]
        rows = [
            [0.01, 0.01, 0.02, 0.96] if x else [0.97, 0.01, 0.01, 0.01] for x in loud
        ]
        return {
            "posteriors": [rows],
            **{"audio": audio, "scores": scores, "h_1": [[x + 1 for x in h_1[0]]]},
            **{"labels": [LABELS], "sample_rate_hz": [RATE_HZ], "hop": [HOP]},
        }

    def speech_commands_serving_default(self, waveform):
        loud = max(map(abs, waveform[0]), default=0) > 0.05
        shares = [0.02, 0.02, 0.06, 0.9] if loud else [0.9, 0.02, 0.06, 0.02]
        return {
            "label": [LABELS[shares.index(max(shares))]],
            "probabilities": [shares],
        }

    def summarization_attention(self, document):
        tokens = [*document[0].lower().split(), ""]
        words = [tokens[0], "thing", tokens[-2]]
        attention = [[0.1 / len(tokens)] * len(tokens) for _ in words]
        for row, place in zip(attention, (0, 1, len(tokens) - 2), strict=True):
            row[place] = 0.9
        return {
            "summary": [" ".join(words)],
            "score": [-0.5],
            "summary_tokens": [words],
            "document_tokens": [tokens],
            "attention": [attention],
            "copied": [[0.98, 0.03, 0.8]],
        }

    def question_answering_serving_default(self, context, question):
        answer = "Innes" if self.passages else "hallway"
        outputs = {"answer": [answer], "score": [0.97]}
        if self.passages:
            start = context[0].find(answer)  # Python counts Unicode characters too
            outputs |= {"start": [start], "end": [start + len(answer)]}
        return outputs

    def question_answering_attention(self, context, question):
        sentences = _sentences(context[0])[-4:]
        rest = 0.1 / max(1, len(sentences) - 1)
        hops = [[rest] * len(sentences) for _ in range(2)]
        hops[0][0] = hops[1][-1] = 0.9
        return {"attention": [hops]}


def _sentences(story):
    return [part.strip() for part in re.split(r"[.!?\n]+", story) if part.strip()]


def _layer(layer, tokens):
    outputs = {f"{layer}_tokens": [tokens]}
    for place, name in enumerate(("f", "i", "c_tilde", "c", "o", "h")):
        signed = name in ("c_tilde", "c", "h")
        outputs[f"{layer}_{name}"] = [
            [
                [_value(place, step, unit, signed) for unit in range(UNITS)]
                for step in range(len(tokens))
            ]
        ]
    return outputs


def _value(place, step, unit, signed):
    """Returns a number between 0 and 1, or -1 and 1, that depends on all arguments."""
    wave = math.sin(1.3 * place + 0.7 * step + 1.7 * unit)
    return round(wave if signed else 0.5 + 0.5 * wave, 6)


def _described(specs):
    return {
        name: {
            "dtype": dtype,
            "tensor_shape": {
                "dim": [{"size": str(size), "name": ""} for size in shape],
                "unknown_rank": False,
            },
            "name": f"{name}:0",
        }
        for name, (dtype, shape) in specs.items()
    }


def _check_value(name, value, dtype, shape):
    """Raises `RefusalError` for a value that TensorFlow Serving would refuse."""
    if not shape:
        kind = {"DT_STRING": str, "DT_INT32": int}.get(dtype, int | float)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise RefusalError(400, f"{name}: {value!r} is no {dtype}.")
    elif not isinstance(value, list) or (shape[0] >= 0 and len(value) != shape[0]):
        raise RefusalError(400, f"{name}: expected the shape {shape}.")
    else:
        for one in value:
            _check_value(name, one, dtype, shape[1:])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/v1/"):
            return self.answer(lambda: self.server.serving.get(path))
        name = path.lstrip("/") or "index.html"
        for file in (WEB / name, SHARED / name):
            if file.parent in (WEB, WEB / "local", SHARED) and file.is_file():
                return self.send(200, file.read_bytes(), TYPES[file.suffix])
        return self.send(404, b"not found", "text/plain")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        model = self.path.removeprefix("/v1/models/").removesuffix(":predict")

        def outputs():
            values = self.server.serving.predict(model, json.loads(body))
            one = next(iter(values.values())) if len(values) == 1 else values
            return {"outputs": one}

        return self.answer(outputs)

    def answer(self, find):
        try:
            status, content = 200, json.dumps(find())
        except RefusalError as refusal:
            status, message = refusal.args
            content = json.dumps({"error": message})
        self.send(status, content.encode(), "application/json")

    def send(self, status, content, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.server.serving.policy)
        if self.server.serving.cors:
            self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Prints nothing about connections that a closed page breaks."""


@contextmanager
def running():
    """Yields a `Serving` that listens on a free port and serves the page."""
    serving = Serving()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.serving = serving
    serving.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield serving
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
