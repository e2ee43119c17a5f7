"""Whether two engines agree: what is compared, counted and reported."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from apps.common.portable.patterns import END
from apps.common.portable.tokens import tokenize
from apps.language_modeling.predict import Predictor
from experiments.benchmarks import agreement
from experiments.benchmarks.engine_answers import CASES, TOKENS


@pytest.mark.parametrize(
    "run", ["finished_run", "finished_language_run"], ids=["sentiment", "language"]
)
def test_both_engines_give_the_same_answers(run, request):
    run = request.getfixturevalue(run)
    [exported] = agreement.exported_runs([run])
    figures = agreement.measure(exported, limit=20)
    assert list(figures) == [case.name for case in CASES[exported.app]]
    for row in figures.values():
        assert row["examples"] > 2
        assert not row["changed"]
        if row["probability"] is not None:
            assert row["probability"] < 1e-5
            assert row["logits"] < 1e-4


def labels(*probabilities):
    probabilities = np.array(probabilities, "float32")
    names = np.array([b"bad", b"good"], object)
    return {"label": names[probabilities.argmax(-1)], "probabilities": probabilities}


def test_differences_are_the_largest_of_all_batches_and_changes_have_margins():
    comparison = CASES["sentiment"][0].comparison()
    first = labels([0.5001, 0.4999], [0.9, 0.1]), labels([0.4999, 0.5001], [0.9, 0.1])
    comparison.add(None, {}, labels([0.2, 0.8]), labels([0.21, 0.79]))
    comparison.add(None, {}, *first)
    row = comparison.figures()
    assert (row["examples"], row["answers"]) == (3, 3)
    assert row["probability"] == pytest.approx(0.01, rel=1e-3)
    assert row["logits"] == pytest.approx(np.log(1.05) / -np.log(0.2), rel=1e-3)
    [change] = row["changed"]
    assert change["answers"] == ["bad", "good"]
    assert change["margin"] == pytest.approx(0.0002, rel=1e-2)


def test_the_scores_of_different_answers_are_a_margin_and_no_difference():
    def answers(second, score):
        return {
            "answer": np.array([b"garden", second], object),
            "score": np.array([0.9, score], "float32"),
        }

    comparison = CASES["question_answering"][0].comparison()
    comparison.add(None, {}, answers(b"hall", 0.5), answers(b"office", 0.4))
    row = comparison.figures()
    assert row["probability"] == 0
    assert row["changed"][0]["margin"] == pytest.approx(0.1, rel=1e-3)


def test_outputs_of_another_shape_or_type_are_refused():
    comparison = CASES["sentiment"][0].comparison()
    doubled = labels([0.5, 0.5])
    doubled["probabilities"] = doubled["probabilities"].astype("float64")
    with pytest.raises(ValueError, match="differ in shape or type"):
        comparison.add(None, {}, labels([0.5, 0.5]), doubled)


def test_the_margin_of_a_continuation_is_that_of_the_tokens_where_it_parts(
    language_run,
):
    predictor = Predictor.load(language_run)
    [case] = [
        case for case in CASES["language_modeling"] if case.signature == "generate"
    ]
    batch = next(case.batches(predictor, 1))
    assert batch["max_tokens"].tolist() == [TOKENS]
    a, b = (name for name in predictor.vocabulary.tokens[20:22])
    outputs, others = (
        {"text": np.array([f"{a} {last}".encode()], object)} for last in (a, b)
    )
    margin = case.comparison().margin(predictor, batch, outputs, others, 0)
    state = {s.name: np.zeros((1, s.shape[1])) for s in predictor.model.inputs[1:]}
    known = tokenize(batch["prompt"][0])
    for token in [END, *known, a]:
        token_ids = predictor.vocabulary.lookup(tf.constant([token]))
        answer = predictor.step(tf.cast(token_ids, "int32"), *state.values())
        state = {name: answer[name] for name in state}
    p = tf.nn.softmax(answer["logits"][0]).numpy()
    low, high = np.sort(p[2:])[-2:]  # without padding and unknown tokens
    assert margin == pytest.approx(high - low, abs=1e-6)


def test_a_run_without_one_of_the_exports_is_named(finished_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    [model] = run.glob("export/*/1/onnx/model.json")
    model.unlink()
    with pytest.raises(SystemExit):
        agreement.main([str(run)])
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"Error: {model}: the file is missing. Export its run")
    assert error.endswith("(python -m experiments.sentiment RECIPE export).")


def test_two_runs_of_an_app_are_refused(finished_run, tmp_path, capsys):
    for name in ("a", "b"):
        shutil.copytree(finished_run / "export", tmp_path / name / "export")
        shutil.copy(finished_run / "config.yaml", tmp_path / name)
    with pytest.raises(SystemExit):
        agreement.main([str(tmp_path)])
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.endswith(f"{tmp_path / 'b'} are runs of the same app. Name one.")


def test_a_folder_without_exports_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        agreement.main([str(tmp_path)])
    assert capsys.readouterr().err.startswith(
        f"Error: {tmp_path}: there is no exported"
    )


def test_the_table_counts_changed_answers(tmp_path):
    row = {"examples": 1092, "probability": 1.8e-7, "logits": 3.6e-7, "answers": 1092}
    change = {"answers": ["a", "b"], "margin": 2e-7}
    none = {"probability": None, "logits": None, "answers": 507, "changed": []}
    scores = {**row, "answers": 0, "changed": []}
    result = {
        "apps": {
            "language_modeling": {"scores": scores, "continuations": {**row, **none}},
            "sentiment": {"labels": {**row, "changed": [change]}},
        },
        "hardware": "2 cores of a test",
        "date": "2026-01-01",
    }
    path = tmp_path / "agreement.json"
    path.write_text(json.dumps(result))
    lines = agreement.recorded_table(path).splitlines()
    assert (
        lines[2] == "| language_modeling | scores | 1,092 | 1.8e-07 | 3.6e-07 |  |  |"
    )
    assert (
        lines[3] == "| language_modeling | continuations | 1,092 |  |  | 0 of 507 |  |"
    )
    assert lines[4].endswith("| 1.8e-07 | 3.6e-07 | 1 of 1,092 | 2.0e-07 |")
