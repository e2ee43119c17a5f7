"""The arithmetic of a cluster's cost, from figures of this file."""

import json

import pytest

from experiments.benchmarks import cluster_cost
from experiments.benchmarks.cluster_cost import estimate, recorded_table


@pytest.fixture
def figures(monkeypatch, tmp_path):
    """A step of 100 ms, a million parameters, an all-reduce of 400 MB/s."""
    steps = tmp_path / "operations.json"
    rows = {"language_modeling": {"wall_ms": 100.0}}
    steps.write_text(json.dumps({"rows": rows, "hardware": "2 cores of X"}))
    monkeypatch.setattr(cluster_cost, "STEPS", steps)
    monkeypatch.setattr(cluster_cost, "RESULT", tmp_path / "cluster_cost.json")
    monkeypatch.setattr(cluster_cost, "_model", lambda: (1_000_000, 1000))
    monkeypatch.setattr(cluster_cost, "_all_reduce_seconds", lambda parameters: 0.01)
    reading = {"megabytes": 100, "rows": 20_000_000, "mb_per_s": 5.0}
    monkeypatch.setattr(cluster_cost, "_reading", lambda: reading)


@pytest.mark.parametrize(
    ("gigabits", "mb_a_second"),
    [(100, 400), (0.8, 100)],  # limited by the processes, by the network
)
def test_a_step_waits_for_the_slower_of_network_and_process(
    gigabits, mb_a_second, figures
):
    costs = estimate(10, 4, gigabits)
    assert costs["communication_mb_a_step"] == pytest.approx(2 * 3 / 4 * 4)
    seconds = 6 / mb_a_second
    assert costs["communication_ms_a_step"] == pytest.approx(1000 * seconds)
    assert costs["efficiency"] == pytest.approx(0.1 / (0.1 + seconds))


def test_an_epoch_is_the_tokens_over_the_workers_and_their_efficiency(figures):
    costs = estimate(10, 4, 100)
    assert costs["tokens"] == pytest.approx(2e9)
    alone = 2e9 / (1000 / 0.1) / 3600
    assert costs["hours_an_epoch_alone"] == pytest.approx(alone)
    expected = alone / 4 / costs["efficiency"]
    assert costs["hours_an_epoch"] == pytest.approx(expected)
    assert costs["minutes_to_read"] == pytest.approx(10_000 / 4 / 5 / 60)
    assert costs["gigabytes_of_token_ids"] == pytest.approx(8)


def test_the_table_has_what_was_recorded(figures):
    cluster_cost.RESULT.write_text(json.dumps(estimate(100, 64, 10)))
    table = recorded_table()
    assert "| 100 GB, 64 workers |  |" in table
    assert "1,000,000 parameters, 1,000 tokens, 100 ms" in table
    # Each worker sends 2 * 63 / 64 * 4 MB at 400 MB/s, in 19.7 ms.
    assert "| expected efficiency | 84% |" in table
    assert "| with three times the streams in each worker | 94% |" in table
    # Each worker reads 1562.5 MB at 5 MB/s, in 312.5 s.
    assert "encoding the corpus, a share on every worker | 5 minutes |" in table


def test_a_step_of_another_machine_is_told(figures, capsys):
    estimate(10, 4, 100)
    told = capsys.readouterr().out
    assert told.startswith("The step was measured on 2 cores of X, not on ")
