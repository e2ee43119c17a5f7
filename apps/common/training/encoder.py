"""What a language model has learnt, for a model that reads: embedding and LSTMs."""

from pathlib import Path

import numpy as np

from apps.common.data.text import Vocabulary
from apps.common.portable.files import DAMAGED, arrays_in, atomic_write
from apps.common.portable.run_files import ENCODER, MODEL, VOCABULARY


def save_encoder(model, directory, tokens):
    """Writes the word vectors and the LSTMs of a language model into its run directory.

    Args:
        model: A model with the layers `embedding`, `lstm_1`, `lstm_2` and so on.
        directory: The run directory.
        tokens: What its tokens are, as `data.tokens` has it.
    """
    arrays = {
        "tokens": tokens,
        "embedding": model.get_layer("embedding").vectors.numpy(),
    }
    for layer in _lstms(model):
        for weight in layer.cell.trainable_weights:
            arrays[f"{layer.name}/{weight.name}"] = weight.numpy()
    with (
        atomic_write(Path(directory, ENCODER)) as temporary,
        open(temporary, "wb") as file,
    ):
        np.savez(file, **arrays)


def pretrained_vocabulary(directory):
    """Returns the vocabulary of a run whose encoder can be taken over.

    Raises:
        ValueError: If there is no such run, or its training has not ended.
    """
    for name in (ENCODER, VOCABULARY):
        if not Path(directory, name).exists():
            raise ValueError(
                f"model.pretrained: {directory} has no {name}. Expected the run "
                "directory of a language model whose training has ended. Train it: "
                "python -m experiments.language_modeling RECIPE train (one that was "
                f"trained by an earlier version: remove its {MODEL} first)"
            )
    if (tokens := str(_read(directory)["tokens"])) != "words":
        raise ValueError(
            f"model.pretrained: the tokens of {directory} are {tokens}. Expected a "
            "language model with data.tokens=words."
        )
    return Vocabulary.load(Path(directory, VOCABULARY))


def load_encoder(model, directory):
    """Gives a model the word vectors and LSTMs that `save_encoder` wrote.

    Args:
        model: A model with the layers `embedding`, `lstm_1` and so on, of these sizes.
        directory: The run directory.

    Raises:
        ValueError: If the sizes differ.
    """
    arrays = _read(directory)
    layers = _lstms(model)
    stored = {name.split("/")[0] for name in arrays if "/" in name}
    if stored != {layer.name for layer in layers}:
        raise ValueError(
            f"model.num_layers: the language model of {directory} has {len(stored)}. "
            f"Received: {len(layers)}."
        )
    size, received = arrays["embedding"].shape[1], model.get_layer("embedding")
    if size != received.embedding_dim:
        raise ValueError(
            f"model.embedding_dim: the language model of {directory} has {size}. "
            f"Received: {received.embedding_dim}."
        )
    for layer in layers:
        for weight in layer.cell.trainable_weights:
            array = arrays[f"{layer.name}/{weight.name}"]
            if array.shape != tuple(weight.shape):
                raise ValueError(
                    f"model.units: {layer.name} of {directory} has {weight.name} of "
                    f"the shape {array.shape}. Received: {tuple(weight.shape)}."
                )
            weight.assign(array)
    model.get_layer("embedding").assign(arrays["embedding"])


def _read(directory):
    path = Path(directory, ENCODER)
    try:
        with arrays_in(path) as arrays:
            return {name: arrays[name] for name in ("tokens", *arrays.files)}
    except DAMAGED as error:
        raise ValueError(
            f"{path} cannot be read ({error}). Remove the {MODEL} beside it and "
            "train: it is written again without a step of training."
        ) from None


def _lstms(model):
    found = [layer for layer in model.layers if layer.name.startswith("lstm_")]
    return sorted(found, key=lambda layer: layer.name)
