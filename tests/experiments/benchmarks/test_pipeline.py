"""The benchmark of speech commands' input pipeline."""

import pytest

from experiments.benchmarks import pipeline
from experiments.benchmarks.pipeline import (
    BOTH,
    MODEL,
    PIPELINE,
    main,
    result_of,
    table,
)


@pytest.fixture(autouse=True)
def few_clips(monkeypatch):
    monkeypatch.setattr(pipeline, "CLIPS", 64)


def test_pipeline_and_model_are_timed_alone_and_together():
    result = result_of(1, 1)
    assert set(result["rows"]) == {PIPELINE, MODEL, BOTH}
    assert all(row["wall_ms"] > 0 for row in result["rows"].values())
    result["rows"][BOTH] = {"wall_ms": 41.26, "processor_ms": 50.0}
    text = table(result)
    assert "| a batch: 64 clips of 1 s |" in text
    assert f"| {BOTH} | 41.3 ms | 50.0 ms |" in text


def test_no_turn_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--rounds", "0"])
    assert ended.value.code == 2
    assert (
        "Error: --rounds: expected at least 1. Received: 0." in capsys.readouterr().err
    )
