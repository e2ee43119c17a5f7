"""Defines the layer: an LSTM over a sequence that replaces `keras.layers.LSTM`."""

import keras
import tensorflow as tf
from keras import ops, tree

from lstm_layer import step
from lstm_layer.cell import LSTMCell
from lstm_layer.gates import note_call
from lstm_layer.gradient import gradient_is_current
from lstm_layer.mark import is_marking, marked_loop
from lstm_layer.options import CELL_OPTIONS, without_forget_bias
from lstm_layer.package import PACKAGE
from lstm_layer.schedule import lstm_sequence
from lstm_layer.xla import uses_xla

# Keywords of `keras.layers.Layer`; all other keywords go to the cell, `_BOTH` to both.
_LAYER_OPTIONS = (
    "activity_regularizer",
    "autocast",
    "input_dim",
    "input_shape",
    "name",
)
_BOTH = ("dtype", "trainable")


def _option_of_cell(name):
    return property(lambda self: getattr(self.cell, name), doc="See `LSTMCell`.")


@keras.saving.register_keras_serializable(package=PACKAGE)
class LSTM(keras.layers.RNN):
    """Runs an LSTM cell over the timesteps of a sequence; replaces Keras's LSTM.

    The weights belong to `layer.cell` and are packed as in `keras.layers.LSTM`. To
    convert a model, replace `keras.layers.LSTM` and load the old weights: the outputs
    are the same.

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
        activation: See `LSTMCell`.
        recurrent_activation: See `LSTMCell`.
        cell: Cell to run, instead of `units`: any layer with `state_size` and
            `call(inputs, states) -> output, states`.
        return_sequences: Whether to return all outputs, `(batch, timesteps, units)`,
            or only the last, `(batch, units)`.
        return_state: Whether to return h and C after the last step as well.
        go_backwards: Whether to read the sequence from its end. The outputs are in the
            order of computation: the last timestep comes first.
        stateful: Whether a batch starts from the last state of the previous batch.
            `reset_state()` sets the state to zero.
        unroll: Whether to unroll the loop; needs a static number of timesteps.
        zero_output_for_mask: Whether a masked timestep outputs zeros. By default it
            repeats the previous output.
        jit_compile: Whether XLA compiles the loop. "auto" compiles in training only,
            unless the environment variable `CAROUSEL_XLA` is 0. True compiles at
            inference too, which is faster if shapes are few: XLA compiles some tenths
            of a second per shape, and TensorFlow Serving cannot run the model. It has
            an effect only where `uses_kernel` is True.
        use_cudnn: "auto", True or False, as in `keras.layers.LSTM`; has no effect.
        **cell_options: All other arguments of `LSTMCell`, and `name`, `dtype`,
            `trainable` and `activity_regularizer` as in any Keras layer.

    Raises:
        ValueError: If not exactly one of `units` and `cell` is given, if the cell
            rejects an option, or if `jit_compile` or `use_cudnn` is invalid.
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
                "Exactly one of `units` and `cell` must be given. "
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
                    "With `cell`, the layer takes no options of the cell. Received: "
                    f"{', '.join(sorted(cell_options))}. Give them to the cell."
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
        # With `compile(jit_compile="auto")` Keras then does not compile the model, and
        # XLA compiles only the loops. This is faster: in a model compiled as a whole,
        # XLA runs the parts of a batch one after the other.
        self.supports_jit = False

    @property
    def uses_kernel(self):
        """Whether the fast loop (`kernel.py`) runs instead of the cell's `call`.

        The gradient of the fast loop is written by hand, for `LSTMCell` with tanh and
        sigmoid. Other cells (subclasses too) and other activations run through `call`.
        So do a cell with an activity regularizer, `unroll`, and an edited `lstm_step`.
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
            sequences: x of all timesteps, at least one.
            initial_state: `[h, c]` before the first step, `(batch, units)` each. By
                default zeros, or the stored state of a stateful layer.
            mask: `(batch, timesteps)` or `(batch, timesteps, 1)`; True or nonzero for a
                real timestep.
            training: Whether to apply dropout.

        Returns:
            The outputs, `(batch, timesteps, units)` if `return_sequences`, else
            `(batch, units)`; if `return_state`, also h and C.

        Raises:
            ValueError: If the static number of timesteps is 0.
            tf.errors.InvalidArgumentError: If it turns out to be 0 when a graph runs.
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
        """Does nothing: Keras calls this at inference too; `inner_loop` draws masks."""

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Runs the cell over time; `keras.layers.RNN.call` calls this.

        Args:
            sequences: `(batch, timesteps, features)`.
            initial_state: `[h, c]`, each `(batch, units)`.
            mask: `(batch, timesteps)`, True for a real timestep, or None.
            training: Whether to apply dropout.

        Returns:
            The last output, `(batch, units)`; all outputs, `(batch, timesteps, units)`;
            and the state after the last step, `[h, c]`. They equal those of
            `self.cell` called step by step.
        """
        note_call(self, sequences, initial_state, mask)
        if is_marking():
            return marked_loop(self, sequences, initial_state, mask)
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
            save=bool(training),
        )
        if mask is not None:
            # A masked step repeats the previous output. Before the first real step the
            # output is zero, whatever the initial state.
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
        """Returns the constructor arguments of this layer, including the cell's.

        The entry `cell` replaces the cell's arguments if the cell is another class, has
        an activity regularizer, or differs from the layer in `dtype` or `trainable`.
        """
        config = {**super().get_config(), "jit_compile": self.jit_compile}
        if type(self.cell) is not LSTMCell or self.cell.activity_regularizer:
            return config
        # Not the configs: Keras numbers the dtype policies in a config that it saves.
        both = [(one.dtype_policy, one.trainable) for one in (self, self.cell)]
        if both[0] != both[1]:
            return config
        cell_config = self.cell.get_config()
        del config["cell"]
        return {**cell_config, **config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Creates a layer from a config of this class or of `keras.layers.LSTM`."""
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
    """Returns `(batch, timesteps, features)` unchanged; raises if timesteps is 0."""
    message = "`sequences` must have at least one timestep. Received: timesteps=0."
    if sequences.shape[1] == 0:
        raise ValueError(f"{message} Shape: {tuple(sequences.shape)}.")
    if sequences.shape[1] is None:  # check when the graph runs
        check = tf.debugging.assert_positive(tf.shape(sequences)[1], message)
        with tf.control_dependencies([check]):
            return tf.identity(sequences)
    return sequences
