"""Transfers the embedding and LSTM weights of a language model to another model."""

from pathlib import Path

import numpy as np

from apps.common.data.vocabulary import Vocabulary
from apps.common.portable.files import DAMAGED, arrays_in, atomic_write
from apps.common.portable.run_files import ENCODER, MODEL, VOCABULARY


def save_encoder(model, directory, tokens, rules):
    """Saves the embedding and LSTM weights of a language model in its run directory.

    Of a simple recurrent network it saves the embedding alone, which nothing loads.

    Args:
        model: A model with the layers `embedding`, `lstm_1`, `lstm_2` and so on.
        directory: The run directory.
        tokens: The setting `data.tokens` of the run, such as "words".
        rules: Version of the rules for tokens, the setting `data.token_rules`.
    """
    arrays = {
        "tokens": tokens,
        "rules": rules,
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


def pretrained_vocabulary(directory, rules):
    """Returns the vocabulary of a language model whose encoder can be loaded.

    Args:
        directory: The language model's run directory.
        rules: Version of the rules for tokens, which the language model must have.

    Raises:
        ValueError: If the directory is not the finished run of a language model of
            LSTMs with `data.tokens=words` and these rules.
    """
    for name in (ENCODER, VOCABULARY):
        if not Path(directory, name).exists():
            raise ValueError(
                f"model.pretrained: {directory} has no {name}. Give the run directory "
                "of a finished language model. Train it with python -m "
                "experiments.language_modeling RECIPE train; if an earlier version "
                f"trained it, delete its {MODEL} first."
            )
    arrays = _read(directory)
    if (tokens := str(arrays["tokens"])) != "words":
        raise ValueError(
            f"model.pretrained: the tokens of {directory} are {tokens}. Expected a "
            "language model with data.tokens=words."
        )
    if not _lstms_in(arrays):
        raise ValueError(
            f"model.pretrained: {directory} is a simple recurrent network, whose "
            "weights no LSTM can take. Give a language model with model.cell=lstm."
        )
    if (stored := int(arrays.get("rules", 1))) != rules:
        raise ValueError(
            f"model.pretrained: the tokens of {directory} are of version {stored}. "
            f"Set data.token_rules={stored}. Received: {rules}."
        )
    return Vocabulary.load(Path(directory, VOCABULARY), rules)


def load_encoder(model, directory):
    """Loads the weights that `save_encoder` wrote into a model.

    Args:
        model: A model with layers `embedding`, `lstm_1` and so on of the same sizes.
        directory: Run directory of the language model.

    Raises:
        ValueError: If the sizes differ, or the file cannot be read.
    """
    arrays = _read(directory)
    layers = _lstms(model)
    stored = _lstms_in(arrays)
    if stored != {layer.name for layer in layers}:
        raise ValueError(
            f"model.num_layers: must be as in the language model {directory}, which "
            f"has {len(stored)}. Received: {len(layers)}."
        )
    size, embedding = arrays["embedding"].shape[1], model.get_layer("embedding")
    if size != embedding.embedding_dim:
        raise ValueError(
            f"model.embedding_dim: must be as in the language model {directory}, which "
            f"has {size}. Received: {embedding.embedding_dim}."
        )
    for layer in layers:
        for weight in layer.cell.trainable_weights:
            array = arrays[f"{layer.name}/{weight.name}"]
            if array.shape != tuple(weight.shape):
                raise ValueError(
                    f"model.units: must be as in the language model {directory}, whose "
                    f"{layer.name} has a {weight.name} of shape {array.shape}. "
                    f"Received: {tuple(weight.shape)}."
                )
            weight.assign(array)
    embedding.assign(arrays["embedding"])


def _read(directory):
    path = Path(directory, ENCODER)
    try:
        with arrays_in(path) as arrays:
            return {name: arrays[name] for name in ("tokens", *arrays.files)}
    except DAMAGED as error:
        raise ValueError(
            f"{path} cannot be read ({error}). Delete {MODEL} in the same directory "
            "and run its training command again: it rewrites the file without training."
        ) from None


def _lstms_in(arrays):
    """Returns the names of the LSTMs whose weights are saved."""
    return {name.split("/")[0] for name in arrays if "/" in name}


def _lstms(model):
    layers = [layer for layer in model.layers if layer.name.startswith("lstm_")]
    return sorted(layers, key=lambda layer: layer.name)
