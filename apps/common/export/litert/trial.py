"""Tries a LiteRT file: does it answer as the model does, and what does int8 lose?"""

import numpy as np

from apps.common.export.litert.graphs import network_of

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
TOLERANCE = 1e-5  # of probabilities
MAX_EXAMPLES = 20


def check_fused(network, path, lstms):
    """Raises ValueError unless a file has as many LSTM operations as its model LSTMs.

    Args:
        network: The file's `Network`.
        path: Its path, for the message.
        lstms: Number of LSTMs.
    """
    if (fused := network.operations.count(LSTM)) != lstms:
        raise ValueError(
            f"{path.name}: expected {lstms} operations {LSTM}. Received: {fused}. "
            "TensorFlow's converter does not recognize the function of "
            "lstm_layer/mark.py."
        )


def check_answers(network, path, predictor, graph, inputs):
    """Raises ValueError if a float file answers otherwise than the model.

    The answer to a sequence that is fed timestep by timestep is compared with the
    model's answer to the whole sequence.

    Args:
        network: The file's `Network`.
        path: Its path, for the message.
        predictor: The run's `Predictor`.
        graph: The `DeviceGraph`.
        inputs: The run's `DeviceInputs`.
    """
    model = network_of(predictor, graph)
    for example in inputs.examples[:MAX_EXAMPLES]:
        network.reset()
        actual = _softmax(network(example))
        expected = _softmax(model(example)["logits"].numpy())
        difference = np.abs(actual - expected).max()
        if not difference <= TOLERANCE:  # NaN is no number below
            raise ValueError(
                f"{path.name}: answers otherwise than the model: a probability differs "
                f"by {difference:.2g}."
            )


def accuracy(network, graph, inputs):
    """Returns the file's `accuracy` on the validation split, and the number of inputs.

    Without a validation split it returns neither.
    """
    if not inputs.validation:
        return {}
    hits = []
    for sequence, label in zip(inputs.validation, inputs.labels, strict=True):
        network.reset()
        hits.append(graph.pooled(network(sequence)).argmax() == label)
    return {"accuracy": float(np.mean(hits)), "validation_inputs": len(hits)}


def _softmax(logits):
    """Returns probabilities over the last axis, in double precision."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype="float64")
    return powers / powers.sum(axis=-1, keepdims=True)
