"""Replaces `keras.layers.LSTM` by `lstm_layer.LSTM` in a model, or the reverse."""

import keras

from lstm_layer.layer import LSTM
from lstm_layer.package import PACKAGE

_KERAS_LSTM = keras.layers.LSTM
_NAMES = {LSTM: "lstm_layer.LSTM", _KERAS_LSTM: "keras.layers.LSTM"}
_ENTRIES = {  # how Keras serializes the two classes
    LSTM: {"module": LSTM.__module__, "registered_name": f"{PACKAGE}>LSTM"},
    _KERAS_LSTM: {"module": "keras.layers", "registered_name": None},
}


def swap(model, to=LSTM, *, verbose=True):
    """Copies a model and replaces every LSTM layer in the copy by the other class.

    The copy has the weights, the states of stateful layers, the names, the dtype
    policies and the `trainable` flags of `model`, and gives the same outputs. Shared
    layers stay shared. `model` itself does not change.

    If `model` is compiled, the copy is compiled with the same arguments. If Keras
    cannot serialize these (such as an unregistered loss), the copy is not compiled, and
    `swap` prints a note. States of the optimizer, of metrics and of random generators
    are not copied.

    `keras.layers.RNN(keras.layers.LSTMCell(...))` and `ConvLSTM2D` are other classes
    and are not replaced. `use_cudnn` is dropped: `lstm_layer.LSTM` ignores it.

    >>> model = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(4, name="a")])
    >>> ours = swap(model)
    swap: 1 layer is now lstm_layer.LSTM: a
    >>> type(ours.layers[0]) is LSTM
    True
    >>> theirs = swap(ours, to=keras.layers.LSTM)
    swap: 1 layer is now keras.layers.LSTM: a

    Args:
        model: A Keras model or layer; it may be nested and need not be built.
        to: Class to use in the copy. `LSTM` replaces every `keras.layers.LSTM`;
            `keras.layers.LSTM` replaces every `LSTM`.
        verbose: Whether to print which layers were replaced and what was dropped.

    Returns:
        The copy; `model` itself if it has no layer to replace.

    Raises:
        ValueError: If `to` is another class, or if a layer cannot be replaced. This is
            the case for a subclass of the LSTM class; for an LSTM that a custom class
            creates in its code; for a layer with an incomplete `get_config()`; and for
            an `LSTM` with a cell or an option that Keras's layer lacks.
    """
    if to not in _NAMES:
        raise ValueError(
            "`to` must be lstm_layer.LSTM or keras.layers.LSTM. "
            f"Received: to={getattr(to, '__name__', to)!r}."
        )
    source = _KERAS_LSTM if to is LSTM else LSTM
    replaced = {one: path for one, path in _walk(model) if isinstance(one, source)}
    if not replaced:
        if verbose:
            print(f"swap: {model.name!r} is returned unchanged: no {_NAMES[source]}.")
        return model
    notes = [note for layer, path in replaced.items() for note in _check(path, layer)]
    copy = _Copier(source, to)(model)
    _copy_values(model, copy, source, to)
    if getattr(model, "compiled", False):
        try:
            copy.compile_from_config(model.get_compile_config())
        except (TypeError, ValueError, NotImplementedError):
            notes.append(
                "the copy is not compiled: Keras cannot serialize the arguments of "
                "compile(). Call compile() on the copy."
            )
    if verbose:
        count = "1 layer is" if len(replaced) == 1 else f"{len(replaced)} layers are"
        print(f"swap: {count} now {_NAMES[to]}: {', '.join(replaced.values())}")
        for note in notes:
            print(f"swap: {note}")
    return copy


def _walk(layer, path="", seen=None):
    """Yields each layer once, with its path; does not enter LSTM layers."""
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield layer, path or layer.name
    if not isinstance(layer, tuple(_NAMES)):
        for inner in layer._flatten_layers(include_self=False, recursive=False):
            yield from _walk(inner, f"{path}/{inner.name}".lstrip("/"), seen)


def _check(path, layer):
    """Raises if an LSTM cannot be replaced; yields a note for each dropped option."""
    if type(layer) not in _NAMES:
        raise ValueError(
            f"swap: {path!r} is a {type(layer).__name__}, a subclass that may compute "
            "something other than its base class. Replace it in your code."
        )
    known, defaults = (cls(1, name="a").get_config() for cls in (_KERAS_LSTM, LSTM))
    for option, value in layer.get_config().items():
        if option in known or value == defaults.get(option):
            continue
        if option == "jit_compile":
            yield f"{path!r} loses jit_compile={value!r}."
            continue
        value = type(layer.cell).__name__ if option == "cell" else repr(value)
        raise ValueError(
            f"swap: {path!r} has {option}={value}, which keras.layers.LSTM lacks. "
            "Create the layer without it, or keep lstm_layer.LSTM."
        )


def _is_keras_class(layer):
    return type(layer).__module__.startswith("keras.")


class _Copier:
    """Rebuilds layers from their configs, each layer once, without weights."""

    def __init__(self, source, to):
        self.source, self.to = source, to
        self.copies = {}  # so that shared layers stay shared
        self.options = _KERAS_LSTM(1, name="a").get_config().keys()

    def __call__(self, layer):
        """Returns the copy of a layer, a model or an operation."""
        if id(layer) not in self.copies:
            self.copies[id(layer)] = self._copy(layer)
        return self.copies[id(layer)]

    def _copy(self, layer):
        if type(layer) is keras.Sequential:
            return keras.Sequential(map(self, layer._layers), name=layer.name)
        if isinstance(layer, keras.Model) and _is_keras_class(layer):  # functional
            # `clone_model` compiles the clone, which may fail: clone an uncompiled
            # model.
            graph = keras.Model(layer.input, layer.output, name=layer.name)
            inputs = keras.tree.map_structure(
                lambda x: self(x._keras_history.operation).output, layer.input
            )
            return keras.models.clone_model(graph, inputs, clone_function=self)
        if type(layer) is keras.layers.TimeDistributed:
            config = {**layer.get_config(), "layer": self(layer.layer)}
            return keras.layers.TimeDistributed(**config)
        inner = layer._flatten_layers() if isinstance(layer, keras.Layer) else [layer]
        classes = [type(one) for one in inner if not _is_keras_class(one)]
        try:
            return keras.saving.deserialize_keras_object(
                self._rewrite(keras.saving.serialize_keras_object(layer)),
                custom_objects={cls.__name__: cls for cls in classes},
                safe_mode=False,  # lambdas come from this process, so they are safe
            )
        except Exception as error:  # a custom layer may raise anything
            raise ValueError(
                f"swap: {layer.name!r} ({type(layer).__name__}) cannot be rebuilt from "
                "its config. Give it a complete get_config() and register its "
                "functions with keras.saving.register_keras_serializable(), or use "
                f"{_NAMES[self.to]} in its code."
            ) from error

    def _rewrite(self, config):
        """Replaces the class of every LSTM in a serialized layer."""
        if isinstance(config, (list, tuple)):
            return type(config)(map(self._rewrite, config))
        if not isinstance(config, dict):
            return config
        config = {
            key: self._rewrite(value)
            for key, value in config.items()
            if key != "compile_config"
        }
        entry = {"class_name": "LSTM", **_ENTRIES[self.source]}
        if entry.items() <= config.items():
            options = config["config"].items()
            if self.to is _KERAS_LSTM:
                options = [(k, v) for k, v in options if k in self.options]
            config.update(_ENTRIES[self.to], config=dict(options))
        return config


def _copy_values(model, copy, source, to):
    """Copies weights, states and flags; raises unless both have the same layers."""
    for layer, path in _walk(copy):
        if isinstance(layer, source):
            raise ValueError(
                f"swap: {path!r} is a {_NAMES[source]} that a custom class creates in "
                f"its code, not from its config. Use {_NAMES[to]} in that code."
            )
    old, new = ([layer for layer, _ in _walk(each)] for each in (model, copy))
    shapes = [[tuple(w.shape) for w in each.weights] for each in (model, copy)]
    types = [to if type(layer) is source else type(layer) for layer in old]
    if types != [type(layer) for layer in new] or shapes[0] != shapes[1]:
        raise ValueError(
            f"swap: {model.name!r} has other layers or weights than its config, or "
            "a custom layer that shares a layer with the rest of the model. "
            f"Use {_NAMES[to]} in your code."
        )
    for one, other in zip(old, new, strict=True):
        other.trainable, other.autocast = one.trainable, one.autocast
        if other.dtype_policy != one.dtype_policy:
            other.dtype_policy = one.dtype_policy
        if type(one) is source:
            other.cell.trainable = one.cell.trainable
        if isinstance(one, keras.layers.RNN) and one.stateful and one.built:
            for state, value in zip(other.states, one.states, strict=True):
                state.assign(value)
    for weight, value in zip(copy.weights, model.weights, strict=True):
        weight.assign(value)
