"""The closing table, and its rows of metrics, which the report has as well."""

WEAK = 0.1  # F1 of a weak label: more than this below the mean over labels
WEAK_SHOWN = 5  # maximum number of weak labels that are named


def print_closing_table(task, directory, results):
    """Prints what the verbs of a command reached, if they measured or exported.

    Args:
        task: A `Task`.
        directory: Run directory.
        results: What `evaluate` and `export` returned, by verb.
    """
    rows = []
    if metrics := results.get("evaluate"):
        rows.append(("data", f"{metrics['dataset']}, {metrics['split']} split"))
        rows += metric_rows(task, metrics)
        rows.append(("training", f"{metrics['train_minutes']:.1f} minutes"))
    if "export" in results:
        rows.append(("exported", str(results["export"])))
    if rows:
        rows.append(("run", str(directory)))
        width = max(len(name) for name, _ in rows)
        print("\n" + "\n".join(f"  {name:<{width}}  {value}" for name, value in rows))


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


def verdict(task, metrics):
    """Returns how good a model is on its test split, and the baseline, as texts.

    Args:
        task: A `Task`.
        metrics: Content of `metrics.json`.

    Returns:
        For example "872 of 1,092 right" and "815"; of a metric that is no accuracy, the
        metric, such as "perplexity 83.7" and "99.8". Without a baseline the second is
        "".
    """
    name = next(name for name in task.headline if metrics.get(name) is not None)
    value, count = metrics[name], metrics["examples"]
    baseline = (metrics.get("baseline") or {}).get(name)
    if name == "accuracy":
        text = f"{round(value * count):,} of {count:,} right"
        return text, "" if baseline is None else f"{round(baseline * count):,}"
    title = name.upper() if name.startswith("rouge") else name
    text = f"{title.replace('_', '-')} {value:.3g}"
    return text, "" if baseline is None else f"{baseline:.3g}"


def _interval(bounds):
    return f"  (95 %: {bounds[0]:.4f} to {bounds[1]:.4f})" if bounds else ""


def _weak_labels(metrics):
    """Returns the F1 of the weakest labels as a text; empty if none is weak."""
    if "by_label" not in metrics:
        return ""
    weak = weak_labels(metrics)
    shown = [f"{label} {f1:.4f}" for label, f1 in list(weak.items())[:WEAK_SHOWN]]
    if more := len(weak) - len(shown):
        shown.append(f"and {more} more in metrics.json")
    return ", ".join(shown)


def weak_labels(metrics):
    """Returns the F1 of the labels that are much weaker than the mean, lowest first.

    Args:
        metrics: Metrics as `apps.common.metrics.classification.measure` returns
            them. A label without a test example is
            left out.

    Returns:
        F1 by label: of those that are more than `WEAK` below the mean over labels.
    """
    rows = metrics["by_label"].items()
    weak = {
        label: row["f1"]
        for label, row in rows
        if row["examples"] and row["f1"] < metrics["f1"] - WEAK
    }
    return dict(sorted(weak.items(), key=lambda item: item[1]))
