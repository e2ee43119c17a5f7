"""Sentiment analysis: is a text positive or negative, or whatever your labels say?"""

from experiments.asking import answer_row, sample
from experiments.run import main
from experiments.task import Task


def ask(answers):
    """Returns the rows of test texts, then of two sentences of ours; see `Task.ask`."""
    from apps.sentiment.data import load_data

    test = load_data(answers.config.data, ("test",), answers.labels).test
    chosen = sample(len(test.texts))
    texts = [test.texts[n].decode("utf-8", "replace") for n in chosen]
    expected = [answers.labels[test.labels[n]] for n in chosen]
    ours = TASK.questions
    rows = []
    for row, label in zip(
        answers.predict([*texts, *ours]),
        [*expected, *(None for _ in ours)],
        strict=True,
    ):
        probability = row["probabilities"][row["label"]]
        right = None if label is None else row["label"] == label
        answer = f"{row['label']}, {probability:.0%}"
        rows.append(answer_row(row["text"], answer, expected=label, right=right))
    return rows


def choose(config):
    """Returns a `Config` without "auto"; see `Task.choose`."""
    from apps.sentiment.adapt import adapted

    return adapted(config)


TASK = Task(
    name="sentiment",
    summary=__doc__,
    default_recipe="movie_snippets",
    headline=("accuracy", "f1", "roc_auc"),
    questions=(
        "A warm, funny and clever film that I would watch again.",
        "The plot makes no sense and the jokes fall flat.",
    ),
    ask=ask,
    choose=choose,
)

if __name__ == "__main__":
    main(TASK)
