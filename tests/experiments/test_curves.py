"""Small learning curves: one chart per metric, a point per epoch."""

from experiments.curves import learning_curves

HISTORY = [
    {"epoch": 1, "accuracy": 0.5, "loss": 3.0, "val_accuracy": 0.6, "val_loss": 2.0},
    {"epoch": 2, "accuracy": 0.7, "loss": 1.5, "val_accuracy": 0.6, "val_loss": 2.5},
    {"epoch": 3, "accuracy": 0.9, "loss": 1.0, "val_accuracy": 0.7, "val_loss": 2.0},
]


def test_a_chart_spans_all_epochs_and_values_and_the_loss_comes_first():
    loss, accuracy = learning_curves([{**row, "seconds": 9.0} for row in HISTORY])
    assert (loss["name"], accuracy["name"]) == ("loss", "accuracy")
    assert (loss["low"], loss["high"], loss["epochs"]) == ("1", "3", 3)
    training, validation = loss["lines"]
    assert training["points"] == "8.0,8.0 110.0,78.5 212.0,102.0"
    assert validation["points"] == "8.0,55.0 110.0,31.5 212.0,55.0"
    assert validation["marks"][1] == (110.0, 31.5, "validation, epoch 2: 2.5")


def test_a_metric_that_never_changes_is_a_line_at_the_bottom():
    (chart,) = learning_curves([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 2.0}])
    assert [line["points"] for line in chart["lines"]] == ["8.0,102.0 212.0,102.0"]


def test_one_epoch_is_no_curve():
    assert learning_curves(HISTORY[:1]) == learning_curves([]) == []
