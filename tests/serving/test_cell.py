"""The data with which the page computes a model: their route."""

import pytest
from fastapi.testclient import TestClient

from serving import runtime
from serving.application import create_app
from serving.models import Finder, Models
from tests.serving import toy_onnx

CONTENT = b'{"format": 1, "app": "toy"}'


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """Models: version 2 of `toy` with the data of its cell, and `old` without."""
    monkeypatch.setitem(runtime.APPS, "toy", toy_onnx.Toy)
    for name, version in (("toy", "2"), ("old", "1")):
        toy_onnx.write_export(tmp_path / name / version)
    (tmp_path / "toy" / "2" / "cell.json").write_bytes(CONTENT)
    return tmp_path


@pytest.fixture
def client(directory):
    models = Models(Finder([directory], "onnx"), "onnx")
    models.refresh()
    with TestClient(create_app(models), raise_server_exceptions=False) as client:
        yield client


def test_the_list_of_models_names_the_cells_and_their_bytes(client):
    answer = client.get("/v1/models")
    assert answer.json() == {"models": ["old", "toy"], "cells": {"toy": len(CONTENT)}}


@pytest.mark.parametrize("path", ["toy", "toy/versions/2", "toy/versions/02"])
def test_the_cell_is_the_file_of_the_version(path, client):
    answer = client.get(f"/v1/models/{path}/cell")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "application/json"


def test_a_model_without_a_cell_is_refused_in_one_line(client):
    answer = client.get("/v1/models/old/cell")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "old, version 1: there is no cell.json. Delete the version and export "
        "its run again; the export names the reason if the page cannot compute the "
        "model."
    }


def test_a_cell_whose_file_went_away_is_no_longer_offered(client, directory):
    (directory / "toy" / "2" / "cell.json").unlink()
    assert client.get("/v1/models").json()["cells"] == {}
    assert client.get("/v1/models/toy/cell").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "toy/versions/1/cell", 404),
        ("GET", "nothing/cell", 404),
        ("GET", "toy/cell?x=1", 400),
        ("POST", "toy/cell", 400),
        ("GET", "toy/cell/x", 400),
    ],
)
def test_another_path_is_refused_as_for_the_metadata(method, path, status, client):
    answers = [
        client.request(method, f"/v1/models/{each}")
        for each in (path, path.replace("cell", "metadata"))
    ]
    assert [answer.status_code for answer in answers] == [status, status]
