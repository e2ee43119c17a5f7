"""Sentiment analysis: is a text positive or negative, or whatever your labels say?"""

from experiments.run import main
from experiments.task import Task

TASK = Task(
    name="sentiment",
    summary=__doc__,
    default_recipe="movie_snippets",
    headline=("accuracy", "f1", "roc_auc"),
    questions=(
        "A warm, funny and clever film that I would watch again.",
        "The plot makes no sense and the jokes fall flat.",
    ),
)

if __name__ == "__main__":
    main(TASK)
