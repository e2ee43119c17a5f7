"""Makes the explainer from the default runs, and measures what its vectors cost."""

import json

from apps.common.portable.files import atomic_write
from apps.language_modeling.export import cell_data as language_model
from apps.sentiment.export import cell_data as sentiment_model
from experiments import language_modeling, sentiment
from experiments.explainer.page import WEB, page
from experiments.explainer.quantized import quantization_cost
from experiments.explainer.simple import simple_model

MAX_BYTES = 10_000_000  # of the file
EXAMPLES = WEB / "examples.json"  # the served page reads it, too


def write_explainer(output, directories):
    """Writes the HTML file.

    Args:
        output: Path of the file.
        directories: Directory of a finished run by the name of the app, and as
            "simple" that of the simple recurrent network, or None without one.

    Returns:
        Its size in bytes, and for each model the `quantization_cost` by its name.

    Raises:
        ValueError: If the page cannot compute a model, or the file would have more than
            `MAX_BYTES`.
    """
    predictors = {
        task.name: task.predictor(directories[task.name])
        for task in (language_modeling.TASK, sentiment.TASK)
    }
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    language = predictors["language_modeling"]
    simple = None
    if directories["simple"]:
        predictors["simple"] = language_modeling.TASK.predictor(directories["simple"])
        simple = simple_model(predictors["simple"], language)
    content = page(
        {
            "language_modeling": language_model(language),
            "sentiment": sentiment_model(predictors["sentiment"]),
        },
        **examples,
        simple=simple,
    ).encode()
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"{output}: the page would have {len(content):,} bytes, and may have "
            f"{MAX_BYTES:,}. Train the default recipes without larger sizes."
        )
    costs = {
        name: quantization_cost(predictor, _sentence(examples["sentences"], name))
        for name, predictor in predictors.items()
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(output) as temporary:
        temporary.write_bytes(content)
    return len(content), costs


def _sentence(sentences, name):
    """Returns the sentence with which the page begins for a model."""
    return sentences.get(name, sentences[language_modeling.TASK.name])[0]
