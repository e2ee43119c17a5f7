"""An export directory with two models: `sentiment`, and `types` with all types."""

import shutil

import pytest
import tensorflow as tf
from fastapi.testclient import TestClient

from serving.application import create_app
from serving.models import Models, find_models
from tests.serving import static_fixtures, web_browser
from tests.serving.signatures import Numbers, function

browser = web_browser.browser
serving = web_browser.serving
visit = web_browser.visit
predictors = static_fixtures.predictors
static_site = static_fixtures.static_site
static_host = static_fixtures.static_host
visit_static = static_fixtures.visit_static


class Types(Numbers):
    """Signatures with one or two inputs and outputs: numbers, texts and bytes."""

    @function(text=("string", (None,)))
    def upper(self, text):
        return {"upper": tf.strings.upper(text)}

    @function(image=("string", (None,)))
    def copy(self, image):
        return {"copy_bytes": image}

    @function(x=("float32", (None,)))
    def uneven(self, x):
        return {"all": x, "first": x[:1]}

    @function(text=("string", (None,)), ids=("int32", (None, None)))
    def carry(self, text, ids):
        return {"text": text, "carried": tf.fill(tf.shape(text), tf.size(ids))}

    @function(text=("string", (None,)), ids=("int32", (None, None)))
    def widths(self, text, ids):
        return {"width": tf.fill(tf.shape(text), tf.shape(ids)[1])}

    @function(text=("string", (None,)))
    def whole(self, text):
        size = tf.strings.length(text)
        return {"all": tf.strings.reduce_join(text), "mean": tf.reduce_mean(1 / size)}

    @function(number=("int32", (None,)))
    def count(self, number):
        def add(one):
            _, total = tf.while_loop(
                lambda i, _: i < one, lambda i, total: (i + 1, total + 1), (0, 0)
            )
            return total

        return {"counted": tf.map_fn(add, number)}


@pytest.fixture(scope="session")
def exports(tmp_path_factory, finished_run):
    """A directory with the models `sentiment`, version 1, and `types`, version 3."""
    directory = tmp_path_factory.mktemp("exports")
    shutil.copytree(finished_run / "export" / "sentiment", directory / "sentiment")
    module = Types()
    names = ("total", "buy", "upper", "copy", "turn", "uneven", "inverse", "finite")
    names += ("count", "carry", "widths", "whole")
    signatures = {name: getattr(module, name) for name in names}
    signatures["serving_default"] = module.total
    tf.saved_model.save(module, str(directory / "types" / "3"), signatures)
    return directory


@pytest.fixture(scope="session")
def client(exports):
    models = Models(lambda: find_models([exports]))
    models.refresh()
    with TestClient(create_app(models), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def ask(client):
    """Calls the model `types`; returns the HTTP status and the decoded answer."""

    def post(body=None, model="types", **fields):
        path = f"/v1/models/{model}:predict"
        sent = {"json": fields} if body is None else {"content": body}
        answer = client.post(path, **sent)
        return answer.status_code, answer.json()

    return post
