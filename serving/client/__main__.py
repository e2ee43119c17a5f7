"""The client's command line: one subcommand for each method of `Client`."""

import argparse
import json
import os
import sys
from pathlib import Path

from apps.common.portable.files import open_text
from apps.common.portable.sampling import SETTINGS, add_arguments
from apps.common.portable.terminal import report_errors
from serving.client import Client
from serving.client.arrays import plain
from serving.engine import DEFAULT_SIGNATURE
from serving.specs import STRING

SERVER = "http://127.0.0.1:8501"
HELP = """Calls models on TensorFlow Serving or on the server of `make serve`.

    python -m serving.client predict sentiment "A joy." "A bore."
    python -m serving.client predict question_answering \\
        --input context="Mary went home." --input question="Where is Mary?"
    python -m serving.client generate language_modeling "The city lies"
    python -m serving.client listen speech_commands recording.wav
    python -m serving.client --server grpc://127.0.0.1:8500 status sentiment
"""


def predict(client, options):
    """Prints a model's outputs as JSON, one line per row."""
    model, signature, version = options.model, options.signature, options.version
    specs = client.signature(model, signature, version)["inputs"]
    columns = _columns(options, specs)
    count = max(map(len, columns.values()))
    columns = {  # a value given once applies to every row
        name: column * count if len(column) == 1 else column
        for name, column in columns.items()
    }
    for answer in client.predict_batches(model, columns, 32, signature, version):
        answer = {name: value.tolist() for name, value in answer.items()}
        lengths = {len(v) if isinstance(v, list) else None for v in answer.values()}
        rows = [answer]
        if len(lengths) == 1 and None not in lengths:
            rows = [
                dict(zip(answer, row, strict=True))
                for row in zip(*answer.values(), strict=True)
            ]
        for row in rows:
            print(json.dumps(row, ensure_ascii=False, default=plain), flush=True)


def status(client, options):
    """Prints the state of each version of a model."""
    for each in client.status(options.model):
        error = each["error_message"]
        print(f"version {each['version']}: {each['state']}{error and f' ({error})'}")


def metadata(client, options):
    """Prints a model's signatures: name, type and shape of each input and output."""
    for name, signature in client.metadata(options.model).items():
        print(name)
        for side in ("inputs", "outputs"):
            for tensor, spec in signature[side].items():
                print(f"  {side[:-1]:<7} {tensor:<24} {spec}")


def generate(client, options):
    """Prints a continuation of a prompt, token by token."""
    names = ("max_tokens", *SETTINGS)
    settings = {name: getattr(options, name) for name in names}
    pieces = client.generate(options.model, options.prompt, **settings)
    first = next(pieces, "")  # raises an error before the prompt is printed
    print(options.prompt + first, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def listen(client, options):
    """Prints the words in an audio file with their times, one line per word."""
    for name, upper in (("chunk_ms", 1e6), ("threshold", 1)):
        value = getattr(options, name)
        if value is not None and not 0 < value <= upper:
            raise ValueError(
                f"--{name.replace('_', '-')}: expected a number above 0, at most "
                f"{upper:g}. Received: {value:g}."
            )
    from apps.common.portable.audio import audio_blocks

    rate = client.sound(options.model).sample_rate_hz
    size = max(1, round(options.chunk_ms / 1000 * rate))
    chunks = (
        block[start : start + size]
        for block in audio_blocks(options.file, rate)
        for start in range(0, len(block), size)
    )
    for detection in client.listen(options.model, chunks, options.threshold):
        print(
            f"{detection.time_s:9.2f} s  {detection.word:<12} {detection.score:.2f}",
            flush=True,
        )


def _columns(options, specs):
    """Returns the inputs of the command line, lists by name."""
    columns = {}
    for item in options.input:
        name, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"--input: expected NAME=VALUE. Received: {item}.")
        columns.setdefault(name, []).append(_value(name, value, specs.get(name)))
    texts = options.text + (_lines(options.file) if options.file else [])
    if texts:
        names = [n for n, spec in specs.items() if spec.dtype == STRING]
        free = [name for name in names if name not in columns]
        if len(free) != 1:
            raise ValueError(
                f"TEXT: expected a signature with one text input. {options.model}, "
                f"{options.signature} takes {', '.join(specs)}. Give --input "
                "NAME=VALUE for each."
            )
        columns[free[0]] = texts
    if not columns:
        raise ValueError(
            f"Expected inputs: {', '.join(specs)}. Received: none. Give a TEXT, --file "
            "or --input NAME=VALUE."
        )
    return columns


def _value(name, value, spec):
    if spec is None or spec.dtype == STRING:
        return Path(value).read_bytes() if name.endswith("_bytes") else value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(
            f"--input {name}: expected {spec.dtype} as JSON, such as 1 or [0.5, 2]. "
            f"Received: {value}."
        ) from None


def _lines(path):
    with open_text(path) as file:
        lines = [line.removesuffix("\n") for line in file]
    if not lines:
        raise ValueError(f"{path}: expected at least one line. The file is empty.")
    return lines


class _Parser(argparse.ArgumentParser):
    """A parser that accepts options between positional arguments."""

    _inside = False

    def parse_known_args(self, args=None, namespace=None):
        """Calls `parse_known_intermixed_args`, which calls this method again."""
        if self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def main(arguments=None):
    """Runs the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m serving.client", description=HELP, formatter_class=raw
    )
    parser.add_argument(
        "--server",
        metavar="ADDRESS",
        default=os.environ.get("CAROUSEL_SERVER", SERVER),
        help="http://, https:// or grpc://HOST:PORT (default: the environment variable "
        f"CAROUSEL_SERVER, else {SERVER})",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=float,
        default=30.0,
        help="seconds for a call of at most 32 rows, including retries (%(default)s)",
    )
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", parser_class=_Parser
    )

    def command(run, example):
        summary = run.__doc__
        example = f"example: python -m serving.client {run.__name__} {example}"
        sub = commands.add_parser(
            run.__name__,
            help=summary,
            description=summary,
            epilog=example,
            formatter_class=raw,
        )
        sub.add_argument("model", help="name of the model on the server")
        sub.set_defaults(run=run)
        return sub.add_argument

    add = command(predict, 'sentiment "A joy." "A bore."')
    add("text", nargs="*", help="texts for the only text input, one row each")
    add(
        "--input",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an input by name; repeat it for more rows. VALUE is a text, a number or "
        "list as JSON, or a file if NAME ends in _bytes",
    )
    add("--file", type=Path, help="file of texts, one per line")
    add("--signature", default=DEFAULT_SIGNATURE, help="(%(default)s)")
    add("--version", type=int, metavar="N", help="(default: the newest loaded)")
    command(status, "sentiment")
    command(metadata, "sentiment")
    add = command(generate, 'language_modeling "The city lies" --temperature 0')
    add("prompt", nargs="?", default="", help="beginning of the text")
    add_arguments(add, max_tokens=50)
    add = command(listen, "speech_commands recording.wav")
    add("file", type=Path, help="audio file, such as WAV, of any sample rate")
    add("--chunk-ms", type=float, default=100.0, help="audio per call (%(default)s)")
    add(
        "--threshold",
        type=float,
        help="minimum score of a word, 0 to 1 (default: the model's)",
    )
    options = parser.parse_args(arguments)
    with report_errors(), Client(options.server, options.timeout) as client:
        try:
            options.run(client, options)
        except KeyboardInterrupt:
            print()  # the usual end of a stream; there is nothing to resume
            sys.exit(130)


if __name__ == "__main__":
    main()
