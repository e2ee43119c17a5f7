"""Rows of metrics for the closing table and the report."""

WEAK_SHOWN = 5  # maximum number of weak labels that are named


def metric_rows(task, metrics):
    """Returns a run's metrics as pairs of a name and a text.

    The headline metrics have their confidence intervals. Then come the baseline's, the
    calibration error and the F1 of weak labels, as far as the metrics have them.

    Args:
        task: A `Task`.
        metrics: Content of `metrics.json`.
    """
    names = [name for name in task.headline if metrics.get(name) is not None]
    intervals = metrics.get("intervals", {})
    rows = [
        (name, f"{metrics[name]:.4f}{_interval(intervals.get(name))}") for name in names
    ]
    if baseline := metrics.get("baseline"):
        values = ", ".join(
            f"{name} {baseline[name]:.4f}"
            for name in names
            if baseline.get(name) is not None
        )
        rows.append(("baseline", f"{values}  ({baseline['name']})"))
    if "calibration" in metrics:
        rows.append(("calibration error", f"{metrics['calibration']['error']:.4f}"))
    if weak := _weak_labels(metrics):
        rows.append(("weak labels, f1", weak))
    return rows


def _interval(bounds):
    return f"  (95 %: {bounds[0]:.4f} to {bounds[1]:.4f})" if bounds else ""


def _weak_labels(metrics):
    """Returns the F1 of the weakest labels as a text; empty if none is weak."""
    if "by_label" not in metrics:
        return ""
    from apps.common.metrics.classification import weak_labels  # loads TensorFlow

    weak = weak_labels(metrics)
    shown = [f"{label} {f1:.4f}" for label, f1 in list(weak.items())[:WEAK_SHOWN]]
    if more := len(weak) - len(shown):
        shown.append(f"and {more} more in metrics.json")
    return ", ".join(shown)
