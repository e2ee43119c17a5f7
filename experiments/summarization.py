"""Text summarization: what does a document say, in a few words?"""

from experiments.run import main
from experiments.task import Task

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
)

if __name__ == "__main__":
    main(TASK)
