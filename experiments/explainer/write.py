"""Makes the explainer from the default runs, and measures what its vectors cost."""

from apps.common.portable.files import atomic_write
from experiments import language_modeling, sentiment
from experiments.explainer.models import (
    language_model,
    sentiment_model,
    simple_model,
)
from experiments.explainer.page import page
from experiments.explainer.quantized import quantization_cost

MAX_BYTES = 10_000_000  # of the file
BEGINNING, LAST_WORD = language_modeling.TUTORIAL.rsplit(" ", 1)
SENTENCES = {  # model -> the sentence that the page begins with, and another
    "language_modeling": (
        BEGINNING,
        language_modeling.TASK.questions[0],
    ),
    "sentiment": sentiment.TASK.questions,
}


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
        SENTENCES,
        LAST_WORD,
        simple,
    ).encode()
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"{output}: the page would have {len(content):,} bytes, and may have "
            f"{MAX_BYTES:,}. Train the default recipes without larger sizes."
        )
    costs = {
        name: quantization_cost(predictor, SENTENCES.get(name, (BEGINNING,))[0])
        for name, predictor in predictors.items()
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(output) as temporary:
        temporary.write_bytes(content)
    return len(content), costs
