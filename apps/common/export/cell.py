"""Writes the data with which a page computes a model: `cell.json` of a version.

The page is `serving/web/cell`, which the server has as the tab "The cell". Word vectors
are int8 (`quantized.py`). The weights of the cells are float32, as they were trained:
the page's cell is the trained one.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from apps.common.export.quantized import floats
from apps.common.portable.run_files import TOKEN_RULES
from apps.common.portable.versions import CELL, FORMAT
from lstm_layer import LSTM
from lstm_layer.step import BLOCKS


def write_cell(version, predictor, data_of, **unused):
    """Writes `cell.json` into the directory of a version, if its app has such data.

    It has the format's number, the app, and what `data_of` returns. A model that the
    page cannot compute has no file, and one line says so.

    Args:
        version: Directory of the version.
        predictor: The run's `Predictor`.
        data_of: A function from the predictor to the data, or None.
        unused: The signatures and examples, which other formats take.
    """
    if data_of is None:
        return
    try:
        data = data_of(predictor)
    except ValueError as error:
        print(f'No {CELL} for the tab "The cell": {error}', file=sys.stderr)
        return
    content = {"format": FORMAT, "app": predictor.name, **data}
    Path(version, CELL).write_text(json.dumps(content), encoding="utf-8")


def check_rules(predictor):
    """Raises ValueError if a model's tokens are not by the newest rules."""
    rules = predictor.vocabulary.rules
    if rules != TOKEN_RULES:
        raise ValueError(
            f"{predictor.directory}: the model reads texts by version {rules} of the "
            f"rules for tokens (docs/tokens.md), and the page by version "
            f"{TOKEN_RULES}. Train it again."
        )


def levels(model):
    """Returns the LSTMs of each level; those of one level read the same sequence.

    Raises:
        ValueError: If there is none, or one computes another cell than the textbook's.
    """
    per_level = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            per_level.append(
                [cell_weights(layer.forward_layer), cell_weights(layer.backward_layer)]
            )
        elif isinstance(layer, LSTM):
            per_level.append([cell_weights(layer)])
    if not per_level:
        raise ValueError(
            f"{model.name}: expected a model of LSTMs. Received: one without, which "
            "the page does not compute."
        )
    return per_level


def cell_weights(layer):
    """Returns the weights of an LSTM, packed i, f, C~, o as in the layer.

    Raises:
        ValueError: If the layer computes another cell than the textbook's.
    """
    if not layer.uses_kernel:
        raise ValueError(
            f"{layer.name}: expected an `LSTMCell` with tanh, sigmoid and the "
            "equations of lstm_layer/step.py. Received: another cell, which the "
            "page's step.js does not compute."
        )
    return layer_weights(layer, BLOCKS)


def layer_weights(layer, blocks=1):
    """Returns the weights of a recurrent layer; `blocks` times its units are packed."""
    cell = layer.cell
    bias = cell.bias if cell.use_bias else np.zeros(blocks * cell.units)
    return {
        "name": layer.name,
        "features": cell.kernel.shape[0],
        "units": cell.units,
        "backwards": layer.go_backwards,
        "kernel": floats(cell.kernel),
        "recurrent_kernel": floats(cell.recurrent_kernel),
        "bias": floats(bias),
    }
