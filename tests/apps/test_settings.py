"""Settings that exclude each other are refused when a recipe is read."""

import importlib

import pytest

from apps.common.config import load_config

OWN_TEXTS = ("sentiment", "summarization", "question_answering", "language_modeling")


@pytest.mark.parametrize(
    ("app", "overrides", "message"),
    [
        ("sentiment", ["model.direction=both"], "model.pretrained: a language model"),
        ("sentiment", ["data.vectors=glove_6b_50d"], "data.vectors: words and"),
        ("sentiment", ["data.vector_words=9"], "data.vectors: words and"),
        (
            "question_answering",
            ["data.vector_words=9"],
            "data.vector_words: random vectors have no words",
        ),
        (
            "speech_commands",
            [
                *("data.dataset=spoken_digit", "data.held_out_speaker=bo"),
                "data.validation_speaker=bo",
            ],
            "data.validation_speaker: expected another speaker",
        ),
        (
            "summarization",
            ["train.coverage_weight=0.5"],
            "train.coverage_weight: ",
        ),
        (
            "speech_commands",
            ["model.direction=forward", "model.pooling=attention"],
            "model.pooling: 'attention' needs the whole clip",
        ),
        (
            "speech_commands",
            ["model.direction=forward", "model.clip_normalization=true"],
            "model.clip_normalization: needs the whole clip",
        ),
        (
            "speech_commands",
            ["model.direction=both", "train.clips_in_a_row=2"],
            "train.clips_in_a_row: model.direction=both reads one clip at a time",
        ),
        (
            "speech_commands",
            ["data.held_out_speaker=bo"],
            "data.held_out_speaker: needs data.dataset=spoken_digit",
        ),
        (
            "speech_commands",
            ["data.synthetic_clips=5"],
            "data.synthetic_clips: data.dataset=synthetic has synthetic clips alone",
        ),
        (
            "speech_commands",
            ["data.validation_speaker=bo"],
            "data.validation_speaker: needs data.dataset=spoken_digit",
        ),
        (
            "speech_commands",
            ["augmentation.lowest_snr_db=30.0"],
            "augmentation.lowest_snr_db: expected at most 20",
        ),
        (
            "speech_commands",
            ["features.window_ms=10", "features.hop_ms=20"],
            "features.hop_ms: expected at least one sample and at most "
            "features.window_ms=10. Received: 20.",
        ),
        ("speech_commands", ["features.hop_ms=0.01"], "features.hop_ms: expected"),
        *(
            (app, ["data.encoding=utf-9"], "data.encoding: unknown encoding 'utf-9'.")
            for app in OWN_TEXTS
        ),
        *(
            (app, [f"data.separator={value}"], "data.separator: expected one character")
            for app in OWN_TEXTS
            for value in (";;", "comma", "a", '"')
        ),
    ],
)
def test_settings_that_exclude_each_other_are_refused(
    app, overrides, message, tmp_path
):
    config_class = importlib.import_module(f"apps.{app}.config").Config
    (path := tmp_path / "recipe.yaml").write_text("")
    if app == "sentiment":
        overrides = [
            *("model.pretrained=runs/a", "model.direction=forward"),
            *("data.vectors=random", "data.vector_words=0", *overrides),
        ]
    with pytest.raises(ValueError, match=message) as caught:
        load_config(config_class, path, overrides)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_words_of_random_vectors_are_refused_without_a_language_model(tmp_path):
    config_class = importlib.import_module("apps.sentiment.config").Config
    (path := tmp_path / "recipe.yaml").write_text("")
    with pytest.raises(ValueError, match=r"^data\.vector_words: .* Received: 7\.$"):
        load_config(config_class, path, ["data.vector_words=7"])
