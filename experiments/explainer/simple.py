"""Takes the weights out of a simple recurrent network, for the page's comparison."""

from keras.layers import SimpleRNN

from apps.common.export.cell import check_rules, layer_weights
from apps.language_modeling.export import word_data


def simple_model(predictor, other):
    """Returns the data of a simple recurrent network, which is compared with an LSTM.

    Args:
        predictor: The `Predictor` of the simple network.
        other: That of the language model with LSTMs, whose vocabulary it must have.

    Raises:
        ValueError: If it is another network, or reads other words.
    """
    check_rules(predictor)
    model = predictor.model
    layers = [each for each in model.layers if isinstance(each, SimpleRNN)]
    if not layers:
        raise ValueError(
            f"{predictor.directory}: --simple expects a language model with "
            "model.cell=simple. Received: one of LSTMs."
        )
    if predictor.vocabulary.tokens != other.vocabulary.tokens:
        raise ValueError(
            f"{predictor.directory}: its vocabulary is not that of {other.directory}. "
            "Train both on the same data."
        )
    return {"levels": [[layer_weights(each)] for each in layers], **word_data(model)}
