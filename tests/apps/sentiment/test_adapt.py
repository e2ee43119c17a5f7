"""Settings that are "auto": the rules by which the training texts choose them."""

from dataclasses import replace

import pytest

from apps.common.config import load_config, load_run_config, save_config
from apps.common.finished import check_config
from apps.sentiment import adapt
from apps.sentiment.adapt import Facts, adapted, choices_of, facts_of
from apps.sentiment.config import Config
from experiments.run import main
from experiments.sentiment import TASK
from experiments.tuning import command

GLOVE = {"data.vectors": "glove_6b_50d", "data.vector_words": 100_000}
RANDOM = {"data.vectors": "random", "data.vector_words": 0}


def config(path, *overrides):
    path = TASK.recipe_path("files"), [f"data.file={path}", *overrides]
    return load_config(Config, *path)


def settings(one, names):
    return {
        name: getattr(getattr(one, name.split(".")[0]), name.split(".")[1])
        for name in names
    }


@pytest.mark.parametrize(
    ("texts", "batch_size", "epochs"),
    [(100, 8, 16), (999, 8, 12), (3_000, 16, 8), (8_000, 32, 6), (200_000, 64, 4)],
)
def test_few_texts_get_more_epochs_of_smaller_batches(texts, batch_size, epochs):
    chosen = choices_of("random", Facts(texts, 40, 0.0))["train"]
    assert (chosen["batch_size"], chosen["epochs"]) == (batch_size, epochs)


@pytest.mark.parametrize(
    ("texts", "momentum"), [(8, 0.0), (49, 0.821), (500, 0.98), (100_000, 0.99)]
)
def test_the_weights_are_averaged_over_a_twentieth_of_the_training(texts, momentum):
    chosen = choices_of("random", Facts(texts, 40, 0.0))["train"]
    steps = -(-texts // chosen["batch_size"]) * chosen["epochs"]
    assert momentum == pytest.approx(min(max(1 - 20 / steps, 0), 0.99), abs=5e-4)
    assert chosen["average_momentum"] == momentum


def test_a_batch_size_or_epochs_of_the_user_change_the_other_choices():
    facts = Facts(1_000, 40, 0.0)
    chosen = choices_of("random", facts, batch_size=100)["train"]
    assert (chosen["batch_size"], chosen["epochs"]) == (100, 16)
    assert chosen["average_momentum"] == 0.875
    chosen = choices_of("random", facts, epochs=40)["train"]
    assert (chosen["epochs"], chosen["patience"]) == (40, 20)


def test_texts_that_are_cut_are_said(write, packages, make_reviews, capsys):
    rows = [f'"{"long " * 600} {text}",{y}' for text, y in make_reviews(120)]
    adapted(config(write("a.csv", "\n".join(["text,label", *rows]))))
    assert "tokens (tokens after the first 512 are left out)." in (
        capsys.readouterr().out
    )


def test_words_with_vectors_need_vectors_of_their_size(write, packages, make_reviews):
    rows = [f'"{text}",{y}' for text, y in make_reviews(120)]
    path = write("a.csv", "\n".join(["text,label", *rows]))
    chosen = adapted(config(path, "data.vector_words=100", "model.embedding_dim=60"))
    assert chosen.data.vectors == "glove_6b_50d"


def test_the_length_is_a_shape_of_the_batches_that_nearly_all_texts_fit_in():
    for length, expected in ((3, 16), (64, 64), (65, 128), (9_000, 512)):
        chosen = choices_of("random", Facts(1_000, length, 0.0))
        assert chosen["data"]["max_length"] == expected


def test_the_facts_are_of_the_tokens():
    texts = [b"The film was dull."] * 39 + [b"a " * 30]
    facts = facts_of(texts, rules=2)
    assert facts == Facts(40, 5, 39 / (39 * 5 + 30))


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The plot of the film was dull, and it is not for you.", GLOVE),
        ("Der Film war nicht gut, und die Musik ist zu laut.", RANDOM),
        ("Ce film est un peu long mais la fin est très belle.", RANDOM),
        ("这部电影很好看", RANDOM),
        ("De film was niet goed, en wat we zagen was niet voor ons.", RANDOM),
        ("Filmen var ikke god, og det er synd for dem, der har set den.", RANDOM),
        ("Great app but it crashes, would buy again", GLOVE),
    ],
)
def test_english_texts_get_pretrained_vectors(sentence, expected, write, packages):
    rows = [f'"{sentence} {n}",{n % 2}' for n in range(120)]
    path = write("a.csv", "\n".join(["text,label", *rows]))
    assert settings(adapted(config(path)), expected) == expected


def test_a_setting_of_the_user_stays(write, packages, make_reviews, capsys):
    rows = [f'"The film is {text}",{y}' for text, y in make_reviews(120)]
    path = write("a.csv", "\n".join(["text,label", *rows]))
    given = {"data.vectors": "random", "train.epochs": 3, "data.max_length": 9}
    overrides = [f"{name}={value}" for name, value in given.items()]
    chosen = adapted(config(path, *overrides))
    assert settings(chosen, given) == given
    assert chosen.data.vector_words == 0
    printed = capsys.readouterr().out
    assert "train.batch_size=8" in printed
    assert "epochs" not in printed


def test_without_the_vectors_package_the_vectors_are_random(
    write, make_reviews, monkeypatch, capsys
):
    def fetch(name):
        raise ValueError("no network.")

    monkeypatch.setattr(adapt, "fetch", fetch)
    rows = [f'"The film is {text}",{y}' for text, y in make_reviews(120)]
    path = write("a.csv", "\n".join(["text,label", *rows]))
    assert settings(adapted(config(path)), RANDOM) == RANDOM
    assert capsys.readouterr().err == "Without pretrained word vectors: no network.\n"


def test_vectors_of_another_size_are_random(write, packages, make_reviews):
    rows = [f'"The film is {text}",{y}' for text, y in make_reviews(120)]
    path = write("a.csv", "\n".join(["text,label", *rows]))
    chosen = adapted(config(path, "model.embedding_dim=60"))
    assert settings(chosen, RANDOM) == RANDOM


def test_a_run_keeps_its_choices(write, packages, make_reviews, tmp_path):
    rows = [f'"{text}",{y}' for text, y in make_reviews(120)]
    path = write("a.csv", "\n".join(["text,label", *rows]))
    asked = config(path)
    chosen = adapted(asked)
    save_config(chosen, tmp_path / "config.yaml")
    assert load_run_config(Config, tmp_path / "config.yaml") == chosen
    check_config(tmp_path, asked)
    other = replace(asked, train=replace(asked.train, epochs=99))
    with pytest.raises(ValueError, match=r"train\.epochs was 16 and is now 99"):
        check_config(tmp_path, other)


def test_a_recipe_without_auto_reads_no_data(tmp_path):
    (tmp_path / "recipe.yaml").write_text("data: {dataset: files}")
    plain = load_config(Config, tmp_path / "recipe.yaml")
    assert adapted(plain) is plain


def test_tune_searches_around_the_choices(
    write, packages, make_reviews, tmp_path, monkeypatch
):
    tuned = []
    monkeypatch.setattr(command, "tune", lambda *arguments: tuned.append(arguments))
    rows = [f'"{text}",{y}' for text, y in make_reviews(120)]
    path = write("a.csv", "\n".join(["text,label", *rows]))
    main(TASK, ["files", "tune", f"data.file={path}", f"run_directory={tmp_path}"])
    ((_, request, chosen, *_),) = tuned
    assert request.overrides == [f"data.file={path}"]
    assert (chosen.train.batch_size, chosen.train.epochs) == (8, 16)
    space = TASK.search_space(chosen)
    assert str(space["train.batch_size"]) == "4, 8, 16"
