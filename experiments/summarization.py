"""Text summarization: what does a document say, in a few words?"""

from experiments.asking import answer_row, sample
from experiments.run import main
from experiments.task import Task


def ask(answers):
    """Returns the rows of test documents, with ROUGE-1; see `Task.ask`."""
    from apps.summarization.data import load_data
    from apps.summarization.scores import rouge_scores

    unused = ()  # without a vocabulary `load_data` makes one of the training split
    test = load_data(answers.config.data, ("test",), unused).test
    chosen = sample(len(test.documents))
    references = [test.summaries[n] for n in chosen]
    rows = answers.predict([test.documents[n] for n in chosen])
    scores = rouge_scores(references, [row["summary"] for row in rows])["rouge_1"]
    return [
        answer_row(
            row["document"],
            row["summary"],
            expected=reference,
            score=f"ROUGE-1 {score:.2f}",
        )
        for row, reference, score in zip(rows, references, scores, strict=True)
    ]


TASK = Task(
    name="summarization",
    summary=__doc__,
    default_recipe="wikipedia_descriptions",
    headline=("rouge_1", "rouge_2", "rouge_l"),
    questions=(
        "The Rhine is one of the major rivers in Europe. It begins in the Swiss Alps "
        "and flows through Germany and the Netherlands to the North Sea.",
        "Marie Curie was a Polish and naturalised-French physicist and chemist who "
        "conducted pioneering research on radioactivity.",
    ),
    ask=ask,
)

if __name__ == "__main__":
    main(TASK)
