"""Question answering: what follows from a story, and where in a passage is it?"""

from experiments.run import main
from experiments.task import Task

QUESTIONS = (
    "mary moved to the kitchen. john went to the garden. mary took the milk. the sun "
    "shines. mary walked to the office. ||| where is the milk",
    "john went to the garden. john took the book. fred moved to the garden. john gave "
    "the book to fred. ||| who has the book",
)


def columns(predictor):
    """Returns the questions as texts, and as columns of context and question."""
    parts = [[part.strip() for part in text.split("|||")] for text in QUESTIONS]
    contexts, questions = map(list, zip(*parts, strict=True))
    return QUESTIONS, {"context": contexts, "question": questions}


TASK = Task(
    name="question_answering",
    summary=__doc__,
    default_recipe="stories",
    headline=("accuracy", "error", "exact_match", "f1"),
    questions=QUESTIONS,
    example_inputs=columns,
)

if __name__ == "__main__":
    main(TASK)
