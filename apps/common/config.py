"""Loads YAML recipes into frozen dataclasses, with strict keys and types."""

import difflib
import string
from dataclasses import asdict, fields
from encodings.aliases import aliases
from pathlib import Path
from typing import Annotated, get_type_hints

import pydantic
import yaml
from pydantic.dataclasses import dataclass

from apps.common.choices import AUTO
from apps.common.portable.encodings import is_encoding
from apps.common.portable.files import atomic_write
from apps.common.portable.run_files import TOKEN_RULES

# For the dataclasses of each app's config.py.
STRICT = pydantic.ConfigDict(extra="forbid", strict=True)
Positive = Annotated[int, pydantic.Field(gt=0)]
Count = Annotated[int, pydantic.Field(ge=0)]
Fraction = Annotated[float, pydantic.Field(ge=0, lt=1)]
Rate = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
# In the type of a setting: the training may choose the value when its run is created.
OR_AUTO = pydantic.WrapValidator(
    lambda value, validate: value if value == AUTO else validate(value)
)
NO_SEPARATORS = frozenset(string.ascii_letters + string.digits + "\"'.\r\n\0")


@dataclass(frozen=True, config=STRICT)
class TrainConfig:
    """How a model is trained; an app adds its own settings and sets the defaults.

    Attributes:
        seed: Seed of the weights, dropout, augmentation and the order of the data.
        epochs: Maximum number of passes over the training data.
        patience: Early stopping: number of evaluations without a better validation
            score after which training stops.
        evaluations_per_epoch: Evaluations on the validation split per epoch; after
            each a checkpoint is written.
        batch_size: Examples per step.
        learning_rate: Highest learning rate. It rises over at most the first half
            epoch and then falls along a cosine to zero over all epochs.
        weight_decay: Weight decay of AdamW (Loshchilov and Hutter 2019).
        average_momentum: Momentum of the moving average of the weights that is
            evaluated and kept; 0 keeps the weights of the last step.
    """

    seed: Count = 1
    epochs: Positive = 8
    patience: Positive = 5
    evaluations_per_epoch: Positive = 1
    batch_size: Positive = 32
    learning_rate: Rate = 0.001
    weight_decay: Weight = 0.0
    average_momentum: Fraction = 0.99


@dataclass(frozen=True, config=STRICT)
class ClippedTrainConfig(TrainConfig):
    """A `TrainConfig` for the optimizer that clips gradients.

    Attributes:
        clip_norm: Maximum global norm of the gradients; larger ones are scaled down.
    """

    clip_norm: Rate = 2.0


@dataclass(frozen=True, config=STRICT)
class OwnTexts:
    """Sets how text files are read and split into tokens; for an app's `DataConfig`.

    Attributes:
        dataset: Data set to read.
        file: Path of the user's own file.
        encoding: Character encoding of your own files, such as cp1252 or utf-16. With
            utf-8 a byte order mark is skipped.
        separator: Character between the fields of your own CSV or TSV files, or "tab";
            empty takes a tab for TSV, and for CSV the first of comma, semicolon and tab
            with which the header has the columns. A guess other than the comma is
            reported.
        token_rules: Version of the rules for tokens (docs/tokens.md). A run that does
            not name it was made by version 1.
    """

    dataset: str = ""
    file: str = ""
    encoding: str = "utf-8"
    separator: str = ""
    token_rules: Annotated[int, pydantic.Field(ge=1, le=TOKEN_RULES)] = TOKEN_RULES

    def __post_init__(self):
        """Raises ValueError if the encoding is unknown, or the separator is none."""
        if not is_encoding(self.encoding):
            known = filter(is_encoding, {"utf-8", *aliases.values()})
            raise ValueError(
                f"data.encoding: unknown encoding {self.encoding!r}."
                f"{closest(self.encoding, known)} Give a name such as utf-8, utf-16, "
                "cp1252 or shift_jis."
            )
        one = self.separator in ("", "tab") or len(self.separator) == 1
        if not one or self.separator in NO_SEPARATORS:
            raise ValueError(
                'data.separator: expected one character, or "tab". A quote, a dot, a '
                "letter, a digit or a line break cannot separate. Received: "
                f"{self.separator!r}."
            )


@dataclass(frozen=True, config=STRICT)
class OwnRows(OwnTexts):
    """Sets how the user's own rows are read; see `OwnTexts`.

    Attributes:
        skip_bad_rows: For "files": whether to leave out faulty rows, such as rows
            without a label, and list them; false stops at the first one. If more than
            half of the rows are faulty, the file is refused.
    """

    skip_bad_rows: bool = False

    @property
    def table_format(self):
        """The arguments of `labelled_rows` that say how a table is read."""
        return {
            "encoding": self.encoding,
            "separator": self.separator,
            "skip_bad_rows": self.skip_bad_rows,
        }


def with_defaults(section, **defaults):
    """Returns a subclass of a section with other defaults."""
    types = get_type_hints(section, include_extras=True)
    namespace = {
        "__doc__": section.__doc__,
        "__module__": section.__module__,
        "__annotations__": {name: types[name] for name in defaults},
        **defaults,
    }
    return dataclass(
        type(section.__name__, (section,), namespace), frozen=True, config=STRICT
    )


def check_vector_words(data):
    """Raises ValueError if words are to be added that have no pretrained vector.

    Args:
        data: A `DataConfig` with `vectors` and `vector_words`.
    """
    if data.vector_words and data.vectors == "random":
        raise ValueError(
            f"data.vector_words: random vectors have no words of their own. Set "
            "data.vectors=glove_6b_50d, or data.vector_words=0. Received: "
            f"{data.vector_words}."
        )


class _Loader(yaml.SafeLoader):
    """Reads every plain scalar as text, which pydantic converts to the setting's type.

    So `1e-3` is a number, `010` is ten, and `no` is False for a boolean setting but
    text for a string setting. YAML 1.1 would read text, eight and False.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - of PyYAML
        "<": yaml.SafeLoader.yaml_implicit_resolvers["<"]  # merges, `<<: *name`
    }


def _parsed(text):
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def load_config(config_class, path, overrides=()):
    """Loads a recipe and applies overrides from the command line.

    Args:
        config_class: A dataclass of dataclasses, which has the defaults.
        path: YAML file with the settings that differ from the defaults.
        overrides: Strings `section.key=value`; a value of more than one character is
            parsed as YAML.

    Returns:
        An instance of `config_class`.

    Raises:
        ValueError: If a setting is unknown, has a wrong type, is out of range or
            excludes another one. The message is one line that names the setting.
    """
    return _validated(config_class, _read(path), path, overrides)


def load_run_config(config_class, path, overrides=()):
    """Loads the configuration of a run, with the token rules that the run was made by.

    Raises:
        ValueError: As `load_config`.
    """
    values = _read(path)
    sections = {field.name: field.type for field in fields(config_class)}
    if issubclass(sections.get("data", object), OwnTexts):
        data = values.setdefault("data", {})
        if isinstance(data, dict):
            data.setdefault("token_rules", 1)
    return _validated(config_class, values, path, overrides)


def _validated(config_class, values, path, overrides):
    """Returns the configuration with these values after overrides."""
    for override in overrides:
        key, _, value = override.partition("=")
        section, _, name = key.partition(".")
        sections = [field.name for field in fields(config_class)]
        if section not in sections or not name:
            raise ValueError(
                f"{override}: expected section.key=value with one of the sections "
                f"{', '.join(sections)}."
            )
        try:
            if len(value) != 1:  # one character is itself: | would begin a YAML block
                value = _parsed(value)
        except yaml.YAMLError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{key}: the value is not YAML: {reason}") from None
        if isinstance(values.setdefault(section, {}), dict):
            values[section][name] = "" if value is None else value
    try:
        return pydantic.TypeAdapter(config_class).validate_python(values, strict=False)
    except pydantic.ValidationError as error:
        raise _one_line_error(
            error.errors()[0], config_class, path, overrides
        ) from None


def save_config(config, path):
    """Writes a configuration to YAML with all its settings, defaults included."""
    with atomic_write(path) as temporary:
        temporary.write_text(yaml.safe_dump(asdict(config), sort_keys=False))


def differences(old, new):
    """Returns one line for each `section.key` that differs in two configurations."""
    old, new = asdict(old), asdict(new)
    return [
        f"{section}.{key} was {old[section][key]!r} and is now {value!r}"
        for section, values in new.items()
        for key, value in values.items()
        if old[section][key] != value
    ]


def closest(word, known):
    """Returns " Did you mean ...?" if a known word is close, else an empty string."""
    match = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {match[0]!r}?" if match else ""


def _read(path):
    try:
        values = _parsed(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values or {}, dict):
        raise ValueError(f"{path}: expected sections with keys. Received: {values!r}.")
    return values or {}


def _one_line_error(error, config_class, path, overrides):
    """Converts one of pydantic's errors to a `ValueError` of one line."""
    if error["type"] == "value_error":  # from a __post_init__, which names the settings
        return ValueError(str(error["ctx"]["error"]))
    place = [str(part) for part in error["loc"]]
    overridden = any(o.startswith(f"{'.'.join(place)}=") for o in overrides)
    where = ": ".join(["command line" if overridden else str(path), *place])
    message = error["msg"][0].lower() + error["msg"][1:]
    if error["type"] == "unexpected_keyword_argument":
        where, _, word = where.rpartition(": ")
        level, known_class = "section", config_class
        if len(place) > 1:
            level = "key"
            known_class = config_class.__dataclass_fields__[place[0]].type
        known = [field.name for field in fields(known_class)]
        message = f"unknown {level} {word!r}.{closest(word, known)} "
        return ValueError(f"{where}: {message}Known {level}s: {', '.join(known)}.")
    if error["type"] == "dataclass_type":
        message = "expected keys with values"
    return ValueError(f"{where}: {message}. Received: {error['input']!r}.")
