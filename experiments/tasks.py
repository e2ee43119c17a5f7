"""The five tasks by name, in the order in which `make run` trains them."""

from experiments import (
    language_modeling,
    question_answering,
    sentiment,
    speech_commands,
    summarization,
)

TASKS = {
    module.TASK.name: module.TASK
    for module in (
        language_modeling,
        sentiment,
        speech_commands,
        summarization,
        question_answering,
    )
}
