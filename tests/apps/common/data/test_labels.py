"""Names of the classes, kept in the order of their ids."""

from apps.common.data.labels import load_labels, save_labels


def test_saved_labels_load_as_they_were(tmp_path):
    labels = ["4 stars", "négatif", "👍"]
    save_labels(labels, tmp_path / "labels.txt")
    assert load_labels(tmp_path / "labels.txt") == labels
