"""Recipes: error messages, conversion of values, saving and loading."""

from dataclasses import asdict
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field
from pydantic.dataclasses import dataclass

from apps.common.config import (
    STRICT,
    Rate,
    closest,
    differences,
    load_config,
    save_config,
)


@dataclass(frozen=True, config=STRICT)
class DataSection:
    dataset: Literal["imdb", "sst2"] = "imdb"
    file: str = ""
    max_length: Annotated[int, Field(gt=0)] = 256


@dataclass(frozen=True, config=STRICT)
class TrainSection:
    learning_rate: Rate = 0.5
    epochs: int = 3
    shuffle: bool = True


@dataclass(frozen=True, config=STRICT)
class Recipe:
    data: DataSection = DataSection()
    train: TrainSection = TrainSection()


BAD_RECIPES = {
    "an unknown section": (
        "trian: {epochs: 1}",
        "unknown section 'trian'. Did you mean 'train'? Known sections: data, train.",
    ),
    "a section like no other": (
        "zoo: {epochs: 1}",
        "unknown section 'zoo'. Known sections: data, train.",
    ),
    "a section that is a number": ("7: {epochs: 1}", "unknown section '7'."),
    "an unknown key": (
        "train: {epoch: 1}",
        "train: unknown key 'epoch'. Did you mean 'epochs'? "
        "Known keys: learning_rate, epochs, shuffle.",
    ),
    "text for an integer": (
        "train: {epochs: three}",
        "train: epochs: input should be a valid integer, unable to parse string as an "
        "integer. Received: 'three'.",
    ),
    "a float for an integer": ("train: {epochs: 3.5}", "train: epochs: input should"),
    "a boolean for an integer": ("train: {epochs: yes}", "Received: 'yes'."),
    "nothing for an integer": ("train: {epochs: }", "Received: ''."),
    "a list for text": ("data: {file: [a, b]}", "Received: ['a', 'b']."),
    "text for a boolean": (
        "train: {shuffle: perhaps}",
        "train: shuffle: input should be a valid boolean",
    ),
    "a choice there is not": (
        "data: {dataset: imbd}",
        "data: dataset: input should be 'imdb' or 'sst2'. Received: 'imbd'.",
    ),
    "a value out of range": (
        "data: {max_length: 0}",
        "data: max_length: input should be greater than 0. Received: '0'.",
    ),
    "not a number": ("train: {learning_rate: nan}", "Received: 'nan'."),
    "an infinite number": ("train: {learning_rate: inf}", "Received: 'inf'."),
    "a list of sections": ("- data\n- train", "expected sections with keys."),
    "one word": ("imdb", "expected sections with keys. Received: 'imdb'."),
    "a section that is a list": (
        "train: [1, 2]",
        "train: expected keys with values. Received: ['1', '2'].",
    ),
    "an empty section": ("train:", "train: expected keys with values. Received: ''."),
    "not YAML": ("train: {", "not YAML: "),
    "a tab before a key": ("train:\n\tepochs: 1", "not YAML: "),
    "a class to be made": ("train: !!python/object:os.system {}", "not YAML: "),
}

BAD_OVERRIDES = {
    "an unknown section": (
        "trian.epochs=3",
        "trian.epochs=3: expected section.key=value with one of the sections data, ",
    ),
    "no key": ("train=3", "train=3: expected section.key=value"),
    "an empty key": ("train.=3", "train.=3: expected section.key=value"),
    "an unknown key": (
        "train.epoch=3",
        "command line: train: unknown key 'epoch'. Did you mean 'epochs'?",
    ),
    "text for an integer": ("train.epochs=x", "command line: train: epochs: "),
    "nothing": ("train.epochs=", "command line: train: epochs: "),
    "a key of a key": ("train.epochs.x=3", "unknown key 'epochs.x'"),
}

values = st.builds(
    Recipe,
    data=st.builds(
        DataSection,
        dataset=st.sampled_from(["imdb", "sst2"]),
        file=st.text(st.characters(codec="utf-8"), max_size=30),
        max_length=st.integers(1, 10**12),
    ),
    train=st.builds(
        TrainSection,
        learning_rate=st.floats(1e-300, 1e300),
        epochs=st.integers(),
        shuffle=st.booleans(),
    ),
)


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "recipe.yaml"

    def load_text(text, *overrides):
        path.write_text(text, encoding="utf-8")
        return load_config(Recipe, path, overrides)

    return load_text


def refusal(load, *arguments):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        load(*arguments)
    return str(caught.value)


@pytest.mark.parametrize("case", BAD_RECIPES)
def test_a_bad_recipe_is_refused_in_one_line_that_names_file_and_place(
    case, load, tmp_path
):
    text, expected = BAD_RECIPES[case]
    message = refusal(load, text)
    assert message.startswith(f"{tmp_path / 'recipe.yaml'}: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("case", BAD_OVERRIDES)
def test_a_bad_override_is_refused_in_one_line_that_names_the_command_line(case, load):
    override, expected = BAD_OVERRIDES[case]
    message = refusal(load, "train: {epochs: 5}", override)
    assert message.startswith(expected) or f": {expected}" in message
    assert message.startswith((override, "command line: "))
    assert "\n" not in message


@pytest.mark.parametrize("value", ["[a", "@home", "'open", "{a", "*b"])
def test_an_override_that_is_not_yaml_is_refused_in_one_line(value, load):
    message = refusal(load, "", f"data.file={value}")
    assert "data.file" in message
    assert "\n" not in message


@pytest.mark.parametrize("value", list("|,:;#-[~ \t"))
def test_one_character_is_itself_on_the_command_line(value, load):
    assert load("", f"data.file={value}").data.file == value


@pytest.mark.parametrize("key", ["1", "on", "null"])
def test_a_key_that_is_not_text_is_refused(key, load):
    message = refusal(load, f"train: {{{key}: 2}}")
    assert "recipe.yaml: train: " in message


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"data: {file: caf\xe9}")
    with pytest.raises(ValueError, match="not YAML") as caught:
        load_config(Recipe, path)
    assert "\n" not in str(caught.value)


def test_the_place_of_a_mistake_in_the_recipe_is_not_the_command_line(load):
    message = refusal(load, "train: {epochs: x}", "train.learning_rate=0.5")
    assert message.split(": ")[0].endswith("recipe.yaml")


@pytest.mark.parametrize("text", ["", "# a comment only\n", "{}"])
def test_an_empty_recipe_is_the_defaults(text, load):
    assert load(text) == Recipe()


def test_a_recipe_changes_what_it_names_and_an_override_has_the_last_word(load):
    config = load(
        "data: {dataset: sst2}\ntrain: {epochs: 5, shuffle: false}",
        "train.epochs=9",
        "data.file=a b.csv",
    )
    assert config == Recipe(
        DataSection(dataset="sst2", file="a b.csv"),
        TrainSection(epochs=9, shuffle=False),
    )


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("train.learning_rate=1e-3", 0.001),
        ("train.learning_rate=2", 2.0),
        ("train.epochs=010", 10),
        ("train.shuffle=no", False),
        ("train.shuffle=True", True),
        ("data.file=no", "no"),
        ("data.file=010", "010"),
        ("data.file=1e-3", "1e-3"),
        ("data.file=", ""),
        ("data.file=2026-11-29", "2026-11-29"),
    ],
)
def test_a_value_is_read_as_its_setting_means_it(setting, meant, load):
    (section, name), value = setting.split("=")[0].split("."), setting.split("=")[1]
    for config in (load("", setting), load(f"{section}: {{{name}: {value}}}")):
        loaded = getattr(getattr(config, section), name)
        assert (loaded, type(loaded)) == (meant, type(meant))


def test_a_recipe_may_merge_what_it_has_named(load):
    text = "data: &own {file: a.csv}\ntrain: {epochs: 5}\n"
    assert load(text + "data: {<<: *own, max_length: 9}").data == DataSection(
        file="a.csv", max_length=9
    )


def test_settings_given_in_python_are_not_converted():
    with pytest.raises(ValueError, match="valid integer"):
        TrainSection(epochs="3")


def test_a_value_may_hold_an_equals_sign(load):
    assert load("", "data.file=a=b.csv").data.file == "a=b.csv"


@given(values)
@settings(max_examples=60, deadline=None)
def test_a_saved_config_loads_as_it_was(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("saved") / "config.yaml"
    save_config(config, path)
    assert load_config(Recipe, path) == config
    assert [p.name for p in path.parent.iterdir()] == ["config.yaml"]


def test_a_saved_config_says_every_key(tmp_path):
    save_config(Recipe(), tmp_path / "config.yaml")
    text = (tmp_path / "config.yaml").read_text()
    for section, keys in asdict(Recipe()).items():
        assert all(f"{key}:" in text for key in (section, *keys))


def test_differences_name_each_key_with_its_old_and_new_value():
    new = Recipe(DataSection(file="x.csv"), TrainSection(epochs=4))
    assert differences(Recipe(), new) == [
        "data.file was '' and is now 'x.csv'",
        "train.epochs was 3 and is now 4",
    ]
    assert differences(new, new) == []


@pytest.mark.parametrize(
    ("word", "hint"),
    [("imbd", " Did you mean 'imdb'?"), ("zebra", ""), ("", "")],
)
def test_only_a_close_word_is_suggested(word, hint):
    assert closest(word, ["imdb", "sst2"]) == hint
