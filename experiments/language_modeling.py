"""Language modelling: how likely is a text, and how does it go on?"""

import numpy as np

from apps.common.answers import encoded
from apps.common.portable.sampling import SETTINGS
from experiments.asking import answer_row, sample
from experiments.run import main
from experiments.task import Task

TUTORIAL = (
    "I live in France, I like playing football with my friends and going to the "
    "school, I speak french"
)

BEGINNING, CONTINUATION = 6, 24  # words of a prompt; tokens that follow


def ask(answers):
    """Returns the rows of the beginnings of test texts; see `Task.ask`.

    The model continues each with the default settings of `generate`.
    """
    from apps.language_modeling.data import DATASETS

    config = answers.config.data
    texts = list(DATASETS[config.dataset](config, "test"))
    chosen = [texts[n].split() for n in sample(len(texts))]
    prompts = [" ".join(words[:BEGINNING]) for words in chosen]
    columns = {
        "prompt": encoded(prompts),
        "max_tokens": np.full(len(prompts), CONTINUATION, "int32"),
        **{
            name: np.full(len(prompts), setting.default, setting.dtype)
            for name, setting in SETTINGS.items()
        },
    }
    outputs = answers.answer(*(columns[name] for name in sorted(columns)))
    return [
        answer_row(
            f"{prompt} …",
            text.decode().strip(),
            expected=" ".join(words[BEGINNING : BEGINNING + CONTINUATION]),
        )
        for prompt, text, words in zip(prompts, outputs["text"], chosen, strict=True)
    ]


TASK = Task(
    name="language_modeling",
    summary=__doc__,
    default_recipe="wikipedia",
    headline=(
        "perplexity",
        "dynamic_perplexity",
        "cache_perplexity",
        "nats_per_character",
        "bits_per_character",
    ),
    questions=(
        "The city lies on the river Rhine.",
        "River the on lies Rhine city the.",
    ),
    ask=ask,
    signature="generate",
    explain_inputs=lambda directory: [TUTORIAL],
)

if __name__ == "__main__":
    main(TASK)
