"""Fixtures of the tests of exports in other formats."""

import contextlib

import pytest

from apps.common.export.litert import export
from apps.speech_commands.predict import Predictor as SpeechPredictor
from lstm_layer import cell, gradient, kernel, step
from tests.litert_converter import Process, in_process


@pytest.fixture
def converter(monkeypatch):
    """Replaces the process that converts, by default by this one, which is faster."""

    def replace(answer=in_process, returncode=0):
        process = Process(answer, returncode)
        monkeypatch.setattr(
            export, "conversion_process", lambda: contextlib.nullcontext(process)
        )

    replace()
    return replace


@pytest.fixture
def speech(speech_run):
    return SpeechPredictor.load(speech_run)


@pytest.fixture
def edit_step(monkeypatch):
    """A function that replaces `lstm_step` in every module that imports it."""
    written = step.lstm_step

    def edited_step(*arguments):
        new = written(*arguments)
        return new._replace(h=2 * new.h)

    def edit():
        for module in (step, cell, kernel):
            monkeypatch.setattr(module, "lstm_step", edited_step)

    gradient.gradient_is_current.cache_clear()
    yield edit
    gradient.gradient_is_current.cache_clear()
