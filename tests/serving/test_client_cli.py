"""The client's command line: its output, and errors of one line."""

import io
import json
import sys

import pytest
import soundfile

from serving.client import Client
from serving.client.__main__ import main
from tests.serving import client_fixtures
from tests.serving.client_fixtures import RATE, recording

servers = client_fixtures.servers
served = client_fixtures.served
server = client_fixtures.server
rest = client_fixtures.rest
closed = client_fixtures.closed

TEXTS = ["a joy", "", "na\u00efve \U0001f600", "tab\t"]


@pytest.fixture
def run(server, capsys):
    """Runs the command line; returns its output lines."""

    def run(*words):
        main(["--server", server.address, *map(str, words)])
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out.split("\n")[:-1]

    return run


@pytest.fixture
def refused(rest, capsys):
    """Runs the command line, which must fail; returns exit code and error line."""

    def refused(*words, server=rest.address):
        with pytest.raises(SystemExit) as caught:
            main(["--server", server, "--timeout", "5", *map(str, words)])
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        return caught.value.code, printed.err.strip()

    return refused


def test_the_command_predict_prints_a_row_a_line(run):
    lines = run("predict", "types", "--signature", "echo", *TEXTS)
    assert [json.loads(line) for line in lines] == [{"echo": text} for text in TEXTS]
    assert "\u00ef" in lines[2]


def test_the_command_predict_reads_a_file(run, tmp_path):
    path = tmp_path / "texts.txt"
    texts = [f"text {number}" for number in range(40)]
    path.write_text("\n".join(["", *texts]), encoding="utf-8")
    lines = run("predict", "types", "--signature", "echo", "--file", path)
    assert [json.loads(line)["echo"] for line in lines] == ["", *texts]


def test_the_command_predict_takes_inputs_by_name(run):
    words = ["--input", "count=2", "--input", "price=0.5", "--input", "price=99"]
    lines = run("predict", "types", "--signature", "buy", "--version", 3, *words)
    assert [json.loads(line) for line in lines] == [
        {"cost": 1, "dear": False},
        {"cost": 198, "dear": True},
    ]
    lines = run("predict", "types", "--input", "matrix=[1, 2]")
    assert [json.loads(line) for line in lines] == [{"total": 3}]


def test_the_command_predict_prints_bytes_and_odd_outputs(run):
    line, *_ = run("predict", "types", "--signature", "copy", "\u00e9")
    assert json.loads(line) == {"copy_bytes": {"b64": "w6k="}, "size": 2}
    lines = run("predict", "types", "--signature", "kinds", "--input", "n=1")
    assert len(lines) == 1
    assert json.loads(lines[0])["sum"] == 1


def test_the_commands_status_and_metadata_are_readable(run):
    assert run("status", "renamed") == ["version 2: AVAILABLE", "version 1: AVAILABLE"]
    lines = run("metadata", "types")
    where = lines.index("copy")
    assert [line.split() for line in lines[where + 1 : where + 4]] == [
        ["input", "image", "string", "(?,)"],
        ["output", "copy_bytes", "string", "(?,)"],
        ["output", "size", "int32", "(?,)"],
    ]


def test_the_command_generate_prints_the_text_with_its_prompt(run):
    words = ("generate", "counting", "hey", "--max-tokens", 3, "--temperature", 0)
    assert run(*words) == ["hey 4 5 6"]


def test_the_command_generate_prints_each_piece_at_once(rest, served, monkeypatch):
    seen = []

    class Out(io.StringIO):
        def flush(self):
            seen.append((self.getvalue(), served.count("predict")))

    monkeypatch.setattr(sys, "stdout", Out())
    words = ["generate", "counting", "--max-tokens", "2", "--temperature", "0"]
    main(["--server", rest.address, *words])
    assert seen[:2] == [(" 1", 1), (" 1 2", 2)]


def test_the_command_listen_prints_words_and_times(run, tmp_path):
    sound, detections = recording()
    soundfile.write(tmp_path / "sound.wav", sound, RATE, subtype="FLOAT")
    lines = run("listen", "ear", tmp_path / "sound.wav", "--chunk-ms", 70)
    expected = [f"{one.time_s:.2f} s {one.word} {one.score:.2f}" for one in detections]
    assert [" ".join(line.split()) for line in lines] == expected
    late = run("listen", "ear", tmp_path / "sound.wav", "--threshold", 1)
    assert late[0] > lines[0]


def test_the_server_may_be_named_in_the_environment(rest, monkeypatch, capsys):
    monkeypatch.setenv("CAROUSEL_SERVER", rest.address)
    main(["status", "types"])
    assert capsys.readouterr().out == "version 3: AVAILABLE\n"


MISTAKES = {
    "no input": (
        ["predict", "types"],
        "Error: Expected inputs: matrix. Received: none.",
    ),
    "a text for a number": (
        ["predict", "types", "a joy"],
        "Error: TEXT: expected a signature with one text input. types, serving_def",
    ),
    "an input without a name": (
        ["predict", "types", "--input", "matrix"],
        "Error: --input: expected NAME=VALUE. Received: matrix.",
    ),
    "an unknown input": (
        ["predict", "types", "--input", "vector=1"],
        "Error: types, signature serving_default: expected the inputs matrix: float32",
    ),
    "a value that is not JSON": (
        ["predict", "types", "--input", "matrix=a"],
        "Error: --input matrix: expected float32 as JSON, such as 1 or",
    ),
    "an unknown signature": (
        ["predict", "types", "a", "--signature", "x"],
        "Error: types: expected one of its signatures, buy,",
    ),
    "a setting": (
        ["generate", "counting", "--top-p", "2"],
        "Error: top_p: expected a number, 0 or more, at most 1. Received: 2.0.",
    ),
    "chunks of nothing": (
        ["listen", "ear", "x.wav", "--chunk-ms", "0"],
        "Error: --chunk-ms: expected a number above 0, at most 1e+06. Received: 0.",
    ),
    "no such sound": (
        ["listen", "ear", "x.wav"],
        "Error: x.wav: there is no such file.",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_on_the_command_line(case, refused):
    words, expected = MISTAKES[case]
    code, line = refused(*words)
    assert code == 2
    assert line.startswith(expected)


def test_a_file_that_is_no_text_is_one_line(refused, tmp_path):
    path = tmp_path / "texts.txt"
    words = ("predict", "types", "--signature", "echo", "--file", path)
    code, line = refused(*words)
    assert (code, "there is no such file" in line) == (2, True)
    path.write_bytes(b"")
    expected = f"Error: {path}: expected at least one line. The file is empty."
    assert refused(*words) == (2, expected)
    path.write_bytes(b"\xff")
    assert refused(*words) == (
        2,
        f"Error: {path}:1: not UTF-8. Convert the file, for example with iconv.",
    )


def test_a_server_that_refuses_is_one_line_and_exit_code_1(refused, closed):
    code, line = refused("status", "tpyes")
    assert code == 1
    assert "HTTP 404: Could not find any versions of model tpyes." in line
    code, line = refused("status", "types", server=f"http://127.0.0.1:{closed}")
    assert code == 1
    assert "connection refused (4 attempts" in line
    assert refused("status", "types", server="here")[0] == 2


@pytest.mark.parametrize("package", ["grpc", "tensorflow"])
def test_grpc_that_is_not_installed_is_one_line(refused, monkeypatch, package):
    monkeypatch.delitem(sys.modules, "serving.client.grpc", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    address = "grpc://127.0.0.1:8500"
    assert refused("metadata", "types", server=address) == (
        2,
        f"Error: address: {address} needs the package {package}, which is not "
        "installed. Install requirements.txt, or name the server's REST address, "
        "http://HOST:PORT.",
    )


def test_interrupting_a_stream_ends_it(rest, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "generate", interrupt)
    with pytest.raises(SystemExit) as caught:
        main(["--server", rest.address, "generate", "counting"])
    assert caught.value.code == 130
    assert capsys.readouterr().err == ""
