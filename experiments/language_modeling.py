"""Language modelling: how likely is a text, and how does it go on?"""

from experiments.run import main
from experiments.task import Task

TUTORIAL = (
    "I live in France, I like playing football with my friends and going to the "
    "school, I speak french"
)

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
    explain_inputs=lambda directory: [TUTORIAL],
)

if __name__ == "__main__":
    main(TASK)
