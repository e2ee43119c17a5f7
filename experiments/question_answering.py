"""Question answering: what follows from a story, and where in a passage is it?"""

from experiments.asking import answer_row, sample
from experiments.run import main
from experiments.task import Task

QUESTIONS = (
    "mary moved to the kitchen. john went to the garden. mary took the milk. the sun "
    "shines. mary walked to the office. ||| where is the milk",
    "john went to the garden. john took the book. fred moved to the garden. john gave "
    "the book to fred. ||| who has the book",
)


def ask(answers):
    """Returns the rows of test stories; see `Task.ask`."""
    from apps.question_answering.data import context_of, load_data

    test = load_data(answers.config.data, ("test",), answers.labels).test
    stories = [test[n] for n in sample(len(test))]
    pairs = [(context_of(story), story.question) for story in stories]
    return [
        answer_row(
            f"{row['question']}?",
            f"{row['answer']}, {row['score']:.0%}",
            expected=story.answer,
            right=row["answer"] == story.answer,
            context=row["context"],
        )
        for row, story in zip(answers.predict(pairs), stories, strict=True)
    ]


TASK = Task(
    name="question_answering",
    summary=__doc__,
    default_recipe="stories",
    headline=("accuracy", "error", "exact_match", "f1"),
    questions=QUESTIONS,
    ask=ask,
)

if __name__ == "__main__":
    main(TASK)
