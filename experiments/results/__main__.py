"""Rebuilds the tables of the recorded results in the README and in docs/."""

import argparse

from apps.common.portable.terminal import report_errors
from experiments.tables import update_tables


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.results", description=__doc__
    )
    parser.parse_args(arguments)
    with report_errors():
        for module in recording_modules():
            if module.RESULT.exists() and (table := module.recorded_table()):
                update_tables(module.PAGE, {module.NAME: table})


def recording_modules():
    """Returns the modules with a recorded table; see `experiments.tables`."""
    # Imported here: they load Matplotlib, which --help does not need.
    from experiments import record
    from experiments.benchmarks import (
        agreement,
        browser,
        cluster_cost,
        devices,
        engines,
        graph_cost,
        layer,
        load,
        operations,
        pipeline,
        reading,
        streaming_memory,
    )
    from experiments.front_page import apps, figures, make_run
    from experiments.research import (
        label_curve,
        simple_network,
        tuned,
    )
    from experiments.research.long_term_dependencies import report
    from experiments.research.own_files import report as own_files
    from experiments.research.wake_words import report as wake_words

    return (
        *(record, layer, load, engines, agreement, graph_cost, label_curve),
        *(report, simple_network, streaming_memory, reading, pipeline, operations),
        *(cluster_cost, browser, devices, wake_words, own_files, tuned),
        *(apps, figures, make_run),
    )


if __name__ == "__main__":
    main()
