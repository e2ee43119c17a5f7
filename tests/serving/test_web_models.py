"""The page loads the files of one model, whatever lies in the browser's cache."""

import hashlib
import json

import pytest

from apps.common.portable.versions import FORMAT
from tests.serving.node import needs_node, run_node

pytestmark = needs_node
FOLDER = "https://host/models/"
GRAPH, VOCABULARY = "graph", "<pad>\n<unk>\ncaf\u00e9\n"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


DESCRIPTION = {
    "format": FORMAT,
    "app": "sentiment",
    "graphs": {"sentiment": {"file": "sentiment.onnx", "sha256": sha256(GRAPH)}},
    "files": {"vocabulary.txt": sha256(VOCABULARY)},
    "settings": {},
}
FILES = {
    "models.json": '{"m 1": {"app": "sentiment", "bytes": 5}}',
    "m%201/model.json": json.dumps(DESCRIPTION),
    "m%201/vocabulary.txt": VOCABULARY,
    "m%201/sentiment.onnx": GRAPH,
}


@pytest.fixture
def load(tmp_path):
    """Lists and loads the model; returns what was fetched, and the error's text."""

    def load_model(files, is_secure=True):
        return run_node(
            tmp_path,
            """async (load, [folder, files, isSecure]) => {
            if (!isSecure) {
              Object.defineProperty(globalThis, "crypto", { value: {} }); }
            const fetched = [];
            globalThis.fetch = async (url, { cache } = {}) => {
              fetched.push([url.href.slice(folder.length), cache ?? ""]);
              return new Response(files[fetched.at(-1)[0].split("?")[0]]); };
            const { Models } = await load("local/models.js");
            const models = new Models(folder, { InferenceSession: {
              create: async (bytes) => new TextDecoder().decode(bytes) } });
            try {
              await models.list();
              await models.load("m 1");
            } catch ({ name, message, advice }) {
              return { fetched, name, error: `${message} ${advice}` };
            }
            return { fetched, error: null }; }""",
            [FOLDER, FILES | files, is_secure],
        )

    return load_model


def test_the_address_of_a_file_has_its_hash_and_descriptions_are_asked_for_anew(load):
    assert load({}) == {
        "error": None,
        "fetched": [
            ["models.json", "no-cache"],
            ["m%201/model.json", "no-cache"],
            [f"m%201/vocabulary.txt?{sha256(VOCABULARY)[:12]}", ""],
            [f"m%201/sentiment.onnx?{sha256(GRAPH)[:12]}", ""],
        ],
    }


def test_a_description_of_another_format_is_refused(load):
    other = json.dumps(DESCRIPTION | {"format": FORMAT + 1})
    answer = load({"m%201/model.json": other})
    assert answer["error"].startswith(
        f"m%201/model.json: expected format {FORMAT}. Received: {FORMAT + 1}. "
    )
    assert len(answer["fetched"]) == 2


def test_a_description_that_is_cut_off_is_one_line(load):
    answer = load({"m%201/model.json": FILES["m%201/model.json"][:50]})
    assert answer["error"].startswith("m%201/model.json: not valid JSON. Write the")


@pytest.mark.parametrize("file", ["vocabulary.txt", "sentiment.onnx"])
def test_a_file_of_another_model_is_refused_where_hashes_can_be_computed(file, load):
    other = {f"m%201/{file}": "another"}
    assert load(other)["error"].startswith(
        f"m%201/{file}: not the file that was exported; its SHA-256 differs. "
    )
    assert load(other, is_secure=False)["error"] is None
