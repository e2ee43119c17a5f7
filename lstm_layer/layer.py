"""The LSTM over a whole sequence: what users of `keras.layers.LSTM` expect."""

import keras
import tensorflow as tf
from keras import ops, tree

from lstm_layer import step
from lstm_layer.cell import LSTMCell
from lstm_layer.gates import note_call
from lstm_layer.gradient import gradient_is_current
from lstm_layer.options import CELL_OPTIONS, PACKAGE, without_forget_bias
from lstm_layer.schedule import lstm_sequence
from lstm_layer.xla import uses_xla

# What `keras.layers.Layer` takes; every other keyword is the cell's.
_LAYER_OPTIONS = (
    "activity_regularizer",
    "autocast",
    "input_dim",
    "input_shape",
    "name",
)
_BOTH = ("dtype", "trainable")


def _option_of_cell(name):
    return property(lambda self: getattr(self.cell, name), doc="As in `LSTMCell`.")


@keras.saving.register_keras_serializable(package=PACKAGE)
class LSTM(keras.layers.RNN):
    """Runs a cell over the timesteps of a sequence; a drop-in for Keras's LSTM.

    The weights live in `layer.cell`, packed as in `keras.layers.LSTM`: an existing
    model swaps the class, loads its weights and computes the same.

    >>> layer = LSTM(4, return_sequences=True)
    >>> tuple(layer(keras.ops.ones((2, 7, 3))).shape)
    (2, 7, 4)
    >>> output, h, c = LSTM(4, return_state=True)(keras.ops.ones((2, 7, 3)))
    >>> tuple(output.shape), tuple(c.shape)
    ((2, 4), (2, 4))
    >>> twin = keras.layers.LSTM(4, return_sequences=True)
    >>> _ = twin(keras.ops.ones((2, 7, 3)))
    >>> twin.set_weights(layer.get_weights())

    Args:
        units: Size of the state and of the output, a positive integer.
        activation: As in `LSTMCell`.
        recurrent_activation: As in `LSTMCell`.
        cell: A cell of your own instead of `units`: any layer with `state_size` and
            `call(inputs, states) -> output, states`.
        return_sequences: Whether to return all outputs, `(batch, timesteps, units)`,
            or the last alone, `(batch, units)`.
        return_state: Whether to return h and c after the last step as well.
        go_backwards: Whether to read the sequence from its end; the outputs then
            come in the order in which they were computed.
        stateful: Whether the state at the end of a batch starts the next one
            (`reset_state()` forgets it).
        unroll: Whether to write the loop out; needs a known number of timesteps.
        zero_output_for_mask: Whether a masked timestep gives zeros instead of the
            output before it.
        jit_compile: Whether XLA compiles the loop: "auto" does in training alone, and
            not where the environment variable `CAROUSEL_XLA` is 0. True
            is faster at inference too where shapes are few, each taking some tenths
            of a second to compile; such a model is not for TensorFlow Serving. For
            `LSTMCell` with its own activations alone (`uses_kernel`).
        use_cudnn: "auto", True or False, as in `keras.layers.LSTM`; changes nothing.
        **cell_options: Every other argument of `LSTMCell`, and `name`, `dtype`,
            `trainable`, `activity_regularizer` as in every Keras layer.

    Raises:
        ValueError: If neither or both of `units` and `cell` are given, the cell
            refuses an option, or `jit_compile` is another value.
    """

    def __init__(
        self,
        units=None,
        activation="tanh",
        recurrent_activation="sigmoid",
        *,
        cell=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        jit_compile="auto",
        use_cudnn="auto",
        **cell_options,
    ):
        layer_options = {
            key: cell_options.pop(key) for key in _LAYER_OPTIONS if key in cell_options
        }
        both = {key: cell_options.pop(key) for key in _BOTH if key in cell_options}
        if (units is None) == (cell is None):
            raise ValueError(
                "Give `units`, or a `cell` of your own, and not both. "
                f"Received: units={units!r}, cell={cell!r}."
            )
        for name, value in (("jit_compile", jit_compile), ("use_cudnn", use_cudnn)):
            if value not in ("auto", True, False):
                raise ValueError(
                    f'`{name}` must be "auto", True or False. '
                    f"Received: {name}={value!r}."
                )
        if cell is None:
            cell = LSTMCell(
                units,
                activation,
                recurrent_activation,
                name="lstm_cell",
                **cell_options,
                **both,
            )
        else:
            if (activation, recurrent_activation) != ("tanh", "sigmoid"):
                cell_options["activation, recurrent_activation"] = None
            if cell_options:
                raise ValueError(
                    "A `cell` brings its own options; give them to the cell. "
                    f"Received: {', '.join(sorted(cell_options))}."
                )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
            **layer_options,
            **both,
        )
        self.input_spec = keras.InputSpec(ndim=3)
        self.jit_compile = jit_compile
        self.use_cudnn = use_cudnn
        # `compile(jit_compile="auto")` then leaves compiling to the kernel, which is
        # faster: XLA runs the parts of a batch one after the other.
        self.supports_jit = False

    @property
    def uses_kernel(self):
        """Whether the fast loop stands in for the cell.

        It does for `LSTMCell` itself with tanh and sigmoid; a subclass, another cell
        and other activations run as they are written, and so does an edited
        `lstm_step`, since the gradient of the fast loop is written by hand.
        """
        return (
            type(self.cell) is LSTMCell
            and self.cell.activation is keras.activations.tanh
            and self.cell.recurrent_activation is keras.activations.sigmoid
            and self.cell.activity_regularizer is None
            and not self.unroll
            and gradient_is_current(step.lstm_step)
        )

    def call(self, sequences, initial_state=None, mask=None, training=False):
        """Runs the cell over `(batch, timesteps, features)`.

        Args:
            sequences: x of all timesteps, of which there must be at least one.
            initial_state: `[h, c]` before the first step, `(batch, units)` each; by
                default zeros, or what a stateful layer has kept.
            mask: `(batch, timesteps)` or `(batch, timesteps, 1)`, True or a number
                other than zero for a real timestep.
            training: Whether dropout applies.

        Raises:
            ValueError: If there is no timestep; where their number is known only when
                a graph runs, `tf.errors.InvalidArgumentError`.
        """
        sequences = _at_least_one_timestep(ops.convert_to_tensor(sequences))
        if not _is_float(sequences.dtype):
            sequences = ops.cast(sequences, self.cell.compute_dtype)
        if mask is not None:
            mask = ops.cast(tree.flatten(mask)[0], "bool")
            if len(mask.shape) == 3:  # (batch, timesteps, 1)
                mask = ops.squeeze(mask, axis=-1)
        return super().call(
            sequences, initial_state=initial_state, mask=mask, training=training
        )

    def _maybe_config_dropout_masks(self, cell, input_sequence, input_state):
        """Does nothing: Keras would draw masks at inference too, `inner_loop` draws."""

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Runs the cell over time, as `keras.layers.RNN.call` asks for it.

        Args:
            sequences: `(batch, timesteps, features)`.
            initial_state: `[h, c]`, each `(batch, units)`.
            mask: `(batch, timesteps)`, True for a real timestep, or None.
            training: Whether dropout applies.

        Returns:
            Last output `(batch, units)`, all outputs `(batch, timesteps, units)`, and
            the state after the last step. Each is what `self.cell`, called step by
            step, gives.
        """
        note_call(self, sequences, initial_state, mask)
        if training:
            super()._maybe_config_dropout_masks(
                self.cell, sequences[:, 0], initial_state
            )
        if not self.uses_kernel:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        cell, (h_0, c_0) = self.cell, initial_state
        h_mask, recurrent_kernel = None, cell.recurrent_kernel
        if training and cell.dropout:
            sequences = sequences * cell.get_dropout_mask(sequences[:, 0])[:, None]
        if training and cell.recurrent_dropout:
            h_mask = cell.get_recurrent_dropout_mask(h_0)
        if training and cell.weight_drop:
            recurrent_kernel = recurrent_kernel * cell.get_weight_drop_mask()
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        outputs, h, c = lstm_sequence(
            sequences,
            cell.kernel,
            recurrent_kernel,
            cell.bias,
            h_0,
            c_0,
            mask,
            h_mask,
            compiled=self._compiles(training),
            keep=bool(training),
        )
        if mask is not None:
            # A masked step repeats the output before it, and before the first real
            # step that is zero, whatever the initial state.
            shown = mask
            if not self.zero_output_for_mask:
                shown = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
            shown = ops.expand_dims(shown, -1)
            outputs = ops.where(shown, outputs, ops.zeros_like(outputs))
        return outputs[:, -1], outputs, [h, c]

    def _compiles(self, training):
        if self.jit_compile == "auto":
            return bool(training) and uses_xla()
        return self.jit_compile

    def get_config(self):
        """Returns the arguments that make this layer again, the cell's beside its own.

        A cell of the user's own stands under `cell` instead, and so does an `LSTMCell`
        that differs from the layer in what both have (`dtype`, `trainable`).
        """
        config = {**super().get_config(), "jit_compile": self.jit_compile}
        if type(self.cell) is not LSTMCell or self.cell.activity_regularizer:
            return config
        # Not the configs: in one that is saved, Keras numbers the dtype policies.
        both = [(one.dtype_policy, one.trainable) for one in (self, self.cell)]
        if both[0] != both[1]:
            return config
        cell_config = self.cell.get_config()
        del config["cell"]
        return {**cell_config, **config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a layer from `get_config()`, or from that of a `keras.layers.LSTM`."""
        config = without_forget_bias(config)
        if "cell" in config:
            config["cell"] = keras.saving.deserialize_keras_object(
                config["cell"], custom_objects=custom_objects
            )
        return cls(**config)


for _name in CELL_OPTIONS:
    setattr(LSTM, _name, _option_of_cell(_name))


def _is_float(dtype):
    return "float" in keras.backend.standardize_dtype(dtype)


def _at_least_one_timestep(sequences):
    """Returns `(batch, timesteps, features)` as it is, unless there is no timestep."""
    message = "A sequence must have at least one timestep. Received: timesteps=0."
    if sequences.shape[1] == 0:
        raise ValueError(f"{message} Shape: {tuple(sequences.shape)}.")
    if sequences.shape[1] is None:  # known only when the graph runs
        check = tf.debugging.assert_positive(tf.shape(sequences)[1], message)
        with tf.control_dependencies([check]):
            return tf.identity(sequences)
    return sequences
