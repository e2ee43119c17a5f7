"""The client's command line: one subcommand for each of its methods."""

import argparse
import json
import os
import sys
from pathlib import Path

from apps.common.portable.detector import THRESHOLD
from apps.common.portable.terminal import report_errors
from serving.client import Client
from serving.client.arrays import STRING, plain
from serving.formats import DEFAULT_SIGNATURE

SERVER = "http://127.0.0.1:8501"
HELP = """Asks models on a server: TensorFlow Serving's, or what `make serve` starts.

    python -m serving.client predict sentiment "A joy." "A bore."
    python -m serving.client predict question_answering \\
        --input context="Mary went home." --input question="Where is Mary?"
    python -m serving.client generate language_modeling "The city lies"
    python -m serving.client listen speech_commands recording.wav
    python -m serving.client --server grpc://127.0.0.1:8500 status sentiment
"""


def predict(client, options):
    """Prints a model's answers, a row a line, as JSON."""
    which = (options.model, options.signature, options.version)
    specs = client.signature(*which)["inputs"]
    columns = _columns(options, specs)
    count = max(map(len, columns.values()))
    columns = {  # what is given once holds for every row
        name: column * count if len(column) == 1 else column
        for name, column in columns.items()
    }
    model, *how = which
    for answer in client.predict_batches(model, columns, 32, *how):
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
    """Prints which versions of a model there are, and whether they serve."""
    for each in client.status(options.model):
        error = each["error_message"]
        print(f"version {each['version']}: {each['state']}{error and f' ({error})'}")


def metadata(client, options):
    """Prints a model's signatures: name, type and shape of what they take and give."""
    for name, signature in client.metadata(options.model).items():
        print(name)
        for side in ("inputs", "outputs"):
            for tensor, spec in signature[side].items():
                print(f"  {side[:-1]:<7} {tensor:<24} {spec}")


def generate(client, options):
    """Prints a text that goes on from a prompt, while it is made."""
    names = ("max_tokens", "temperature", "top_k", "top_p", "repetition_penalty")
    settings = {name: getattr(options, name) for name in (*names, "seed")}
    pieces = client.generate(options.model, options.prompt, **settings)
    first = next(pieces, "")  # before anything is printed: it may be an error
    print(options.prompt + first, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def listen(client, options):
    """Prints the words heard in an audio file, with their times, as they come."""
    for name, most in (("chunk_ms", 1e6), ("threshold", 1)):
        if not 0 < (value := getattr(options, name)) <= most:
            raise ValueError(
                f"--{name.replace('_', '-')}: expected a number above 0, at most "
                f"{most:g}. Received: {value:g}."
            )
    from apps.common.portable.audio import audio_blocks

    rate = client.sound(options.model).sample_rate_hz
    size = max(1, round(options.chunk_ms / 1000 * rate))
    chunks = (
        block[start : start + size]
        for block in audio_blocks(options.file, rate)
        for start in range(0, len(block), size)
    )
    for one in client.listen(options.model, chunks, options.threshold):
        print(f"{one.time_s:9.2f} s  {one.word:<12} {one.score:.2f}", flush=True)


def _columns(options, specs):
    """Returns the inputs that the command line gives, lists by name."""
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
                "A text without a name needs a signature with one input for it. "
                f"{options.model}, {options.signature} takes {', '.join(specs)}: give "
                "--input NAME=VALUE for each."
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
            f"--input {name}: expected {spec.dtype} as JSON has it, such as 1 or "
            f"[0.5, 2]. Received: {value}."
        ) from None


def _lines(path):
    try:
        with open(path, encoding="utf-8") as file:
            return [line.removesuffix("\n") for line in file]
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected text in UTF-8, one a line.") from None


class _Parser(argparse.ArgumentParser):
    """A parser that takes options also between positional arguments."""

    _inside = False

    def parse_known_args(self, args=None, namespace=None):
        """Returns what `parse_known_intermixed_args` does, which calls this again."""
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
        help="http://, https:// or grpc://HOST:PORT (default: what the environment "
        f"variable CAROUSEL_SERVER says, else {SERVER})",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=float,
        default=30.0,
        help="seconds for a call, retries included (%(default)s)",
    )
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", parser_class=_Parser
    )

    def command(run, example):
        said = run.__doc__
        example = f"example: python -m serving.client {run.__name__} {example}"
        sub = commands.add_parser(
            run.__name__,
            help=said,
            description=said,
            epilog=example,
            formatter_class=raw,
        )
        sub.add_argument("model", help="its name on the server")
        sub.set_defaults(run=run)
        return sub.add_argument

    add = command(predict, 'sentiment "A joy." "A bore."')
    add("text", nargs="*", help="texts, a row each, for the input that takes them")
    add(
        "--input",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an input by name; repeated, it gives more rows. A number or list as JSON "
        "has it; for a name in _bytes, a file",
    )
    add("--file", type=Path, help="texts in a file, one a line")
    add("--signature", default=DEFAULT_SIGNATURE, help="(%(default)s)")
    add("--version", type=int, metavar="N", help="(default: the one that serves)")
    command(status, "sentiment")
    command(metadata, "sentiment")
    add = command(generate, 'language_modeling "The city lies" --temperature 0')
    add("prompt", nargs="?", default="", help="how the text begins")
    add("--max-tokens", type=int, default=50, help="tokens at most (%(default)s)")
    add("--temperature", type=float, default=0.8, help="0: always the most probable")
    add("--top-k", type=int, default=0, help="draw from so many tokens; 0: from all")
    add("--top-p", type=float, default=0.95, help="draw from this much probability")
    add("--repetition-penalty", type=float, default=1.1, help="1: none")
    add("--seed", type=int, default=1, help="another seed, another text")
    add = command(listen, "speech_commands recording.wav")
    add("file", type=Path, help="an audio file, such as a WAV of any rate")
    add("--chunk-ms", type=float, default=100.0, help="a call's sound (%(default)s)")
    add(
        "--threshold",
        type=float,
        default=THRESHOLD,
        help="score from which a word is heard, 0 to 1 (%(default)s)",
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with report_errors(), Client(options.server, options.timeout) as client:
        try:
            options.run(client, options)
        except KeyboardInterrupt:  # a stream's usual end; nothing is to be resumed
            print()
            sys.exit(130)


if __name__ == "__main__":
    main()
