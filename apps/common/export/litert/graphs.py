"""Describes what of a run goes to devices, and computes what its files must answer."""

from dataclasses import dataclass, field
from typing import NamedTuple

import tensorflow as tf

from lstm_layer.mark import ATTRIBUTE, marked


class DeviceGraph(NamedTuple):
    """A network of a run that becomes a LiteRT file, for one sequence at a time.

    Attributes:
        network: Its key in the predictor's `graphs()`.
        output: Name of that network's output that the file returns.
        timesteps: Number of timesteps a call; None for any. With 1 a sequence is fed
            step by step, and the states carry on.
        pooling: For timesteps that are fed one by one: "max" or "last" turns their
            outputs into those of the whole sequence; None where they are not classes.
    """

    network: str
    output: str
    timesteps: int | None
    pooling: str | None = None

    def pooled(self, logits):
        """Returns the logits of a whole sequence from a file's, `(1, ..., classes)`."""
        if self.pooling is None:
            return logits
        return logits[:, -1] if self.pooling == "last" else logits.max(axis=1)


@dataclass(frozen=True)
class DeviceInputs:
    """Real inputs of a run's device graphs, each `(1, timesteps, ...)`.

    Attributes:
        examples: Inputs on which each file is tried.
        calibration: Inputs of the training split, from which int8 takes the ranges of
            all values; empty writes no int8 file.
        validation: Inputs of the validation split, on which the loss is measured.
        labels: Their label ids.
    """

    examples: list
    calibration: list = field(default_factory=list)
    validation: list = field(default_factory=list)
    labels: list = field(default_factory=list)


def network_of(predictor, graph, timesteps=None):
    """Returns a `tf.function` from one sequence to `logits`; the states begin at zero.

    Args:
        predictor: The run's `Predictor`.
        graph: A `DeviceGraph`.
        timesteps: Number of timesteps in the signature; None for any.
    """
    network = predictor.graphs()[graph.network]
    sequence, *states = network.input_signature
    shape = [1, timesteps, *sequence.shape[2:]]
    spec = tf.TensorSpec(shape, sequence.dtype, sequence.name)

    @tf.function(autograph=False, input_signature=[spec])
    def logits(sequence):
        zeros = [tf.zeros([1, *state.shape[1:]]) for state in states]
        outputs = network.python_function(sequence, *zeros)
        return {"logits": tf.cast(outputs[graph.output], "float32")}

    return logits


def save(predictor, graphs, directory):
    """Saves the networks with marked LSTMs as a SavedModel with a signature for each.

    Args:
        predictor: The run's `Predictor`.
        graphs: `DeviceGraph` by name.
        directory: Directory to make.

    Returns:
        The number of LSTMs by graph.

    Raises:
        ValueError: If the cell of a layer is not the textbook's; the message names it.
    """
    signatures, lstms = {}, {}
    for name, graph in graphs.items():
        function = network_of(predictor, graph, graph.timesteps)
        with marked(masks=False):
            signatures[name] = function.get_concrete_function()
        library = signatures[name].graph.as_graph_def().library.function
        lstms[name] = sum(ATTRIBUTE in function.attr for function in library)
    module = tf.Module()
    # Keras's variables: without those of TensorFlow the file would have no weights.
    module.weights = [weight.value for weight in predictor.model.weights]
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(directory), signatures, options)
    return lstms
